// The demo page, as it is served: used by mouse and keyboard, checked by axe, and photographed into artifacts/.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, ROOT, verbose } from './harness.mjs';
import { MODEL, tinyModels } from './models.mjs';
import { serve } from './server.mjs';

const TARGET = '/models/SmolLM2-135M-Instruct.Q4_1.gguf';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = {
  small: { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
};
const ARTIFACTS = join(ROOT, 'artifacts');

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
  mkdirSync(ARTIFACTS, { recursive: true });
});

after(() => browser?.close());

/** The page with these models beside it. */
async function open(t, models, routes = {}) {
  const server = await serve({ '/': join(ROOT, 'www/dist'), ...models }, routes);
  const page = await browser.newPage({ viewport: SIZES.desktop });
  t.after(async () => {
    await page.close();
    await server.close();
  });
  verbose(page);
  const problems = [];
  page.on('pageerror', error => problems.push(error.message));
  await page.goto(server.url);
  await page.waitForFunction(() => !document.getElementById('target-name').textContent.startsWith('Looking'));
  return { page, problems };
}

/** Photographs the page in both sizes and both colour schemes, and lets axe look at each scheme. */
async function photograph(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(50);
      await page.screenshot({ path: join(ARTIFACTS, `demo-${name}-${size}-${colorScheme}.png`) });
      await checkAccess(page, `${name}, ${size}, ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} on a ${size} scrolls sideways by ${overflow} pixels`);
    }
  }
  await page.setViewportSize(SIZES.desktop);
}

/** Lets axe look for what keeps people out. */
async function checkAccess(page, where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map(
      ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(n => n.html).join(' ')}`,
    );
  });
  assert.deepEqual(found, [], where);
}

describe('the demo page', () => {
  test('every state, with a small model', async t => {
    let asked = 0;
    const bytes = readFileSync(join(folder, 'target.gguf'));
    // Half of the file comes, the rest never does: a load to be looked at and cancelled. The second time all comes.
    const halting = (request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
      if (request.method === 'HEAD') {
        response.end();
      } else if (asked++ === 0) {
        response.write(bytes.subarray(0, bytes.length / 2));
      } else {
        response.end(bytes);
      }
    };
    const { page, problems } = await open(
      t,
      { '/models/draft.gguf': join(folder, 'draft.gguf') },
      { [TARGET]: halting },
    );
    assert.match(await page.textContent('#target-name'), /SmolLM2.*MB/);
    assert.match(await page.textContent('#draft-name'), /draft\.gguf/);
    await checkAccess(page, 'setup');

    // A load that is cancelled with the keyboard.
    await page.focus('#load');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.getElementById('loading-bar').value > 0.1);
    await photograph(page, 'loading');
    await page.keyboard.press('Enter'); // The focus has moved to Cancel.
    await page.waitForSelector('#load:visible');
    assert.equal(await page.isVisible('#setup-error'), false);

    // A file that is none.
    const text = {
      name: 'notes.gguf',
      mimeType: 'text/plain',
      buffer: Buffer.from('Dear diary, today I rode'),
    };
    await page.setInputFiles('#target-file', text);
    await page.click('#load');
    await page.waitForSelector('#setup-error:visible');
    assert.match(await page.textContent('#setup-error'), /not a GGUF file.*choose a file/i);
    await photograph(page, 'error');

    // The real thing, from a file.
    await page.setInputFiles('#target-file', join(folder, 'target.gguf'));
    await page.check('input[name=device][value=cpu]', { force: true });
    await page.click('#load');
    await page.waitForSelector('[data-state=chat]');
    assert.equal(await page.isChecked('input[name=drafter][value="ngram+model"]'), true);
    assert.equal(await page.isDisabled('#gamma'), true);
    await page.uncheck('#gamma-auto');
    assert.equal(await page.textContent('#gamma-value'), '4');

    // A chat: sent with Enter, tinted where drafts were accepted.
    await page.fill('#max-tokens', '40');
    await page.fill('#prompt', 'hello there');
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('.bubble.assistant:not([aria-busy])');
    assert.ok((await page.textContent('.bubble.assistant')).length > 0);
    assert.ok((await page.locator('.bubble.assistant mark').count()) > 0);
    for (const id of ['speed', 'acceptance', 'expected', 'efficiency', 'host']) {
      assert.notEqual(await page.textContent(`#${id}`), '–', id);
    }

    // The same question again, drawn by chance.
    await page.fill('#temperature', '1');
    assert.match(await page.textContent('#temperature-hint'), /chance/);
    await page.fill('#top-p', '0.9');
    await page.fill('#prompt', 'hello there');
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('.bubble.assistant:not([aria-busy]) ~ .bubble.assistant:not([aria-busy])');
    assert.equal(await page.isVisible('#chat-error'), false);
    await page.fill('#temperature', '0');

    // Stop: what is there stays, and the next question is answered.
    await page.fill('#max-tokens', '300');
    await page.fill('#prompt', 'and then?');
    await page.evaluate(() => {
      // So small a model is done before a hand could stop it.
      const stop = new MutationObserver(() => {
        if (document.querySelector('[aria-busy]')?.textContent) {
          stop.disconnect();
          document.getElementById('stop').click();
        }
      });
      stop.observe(document.getElementById('log'), { childList: true, subtree: true });
    });
    await page.press('#prompt', 'Enter');
    await page.waitForFunction(() => document.getElementById('announce').textContent === 'Stopped');
    await page.waitForSelector('#send:visible');
    await page.fill('#max-tokens', '8');
    await page.fill('#prompt', 'go on');
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('#send:visible');
    await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
    assert.equal(await page.isVisible('#chat-error'), false);

    // Too long a prompt: an error with its remedy, and the words are not lost.
    await page.fill('#prompt', 'long '.repeat(600));
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('#chat-error:visible');
    assert.match(await page.textContent('#chat-error'), /shorten it/);
    assert.match(await page.inputValue('#prompt'), /^long long/);
    await checkAccess(page, 'chat error');

    await page.click('#new-chat');
    assert.equal(await page.locator('.bubble').count(), 0);
    assert.equal(await page.isVisible('#chat-error'), false);
    await page.click('#unload');
    await page.waitForSelector('#load:visible');
    assert.deepEqual(problems, []);
  });

  test('a chat to look at', async t => {
    const { page, problems } = await open(t, {
      [TARGET]: MODEL,
    });
    await photograph(page, 'setup');
    await page.click('#load');
    await page.waitForSelector('[data-state=chat]');
    await page.waitForSelector('#facts dd', { state: 'attached' });
    await photograph(page, 'welcome');
    await page.fill('#max-tokens', '110');
    await page.click('text=refrain');
    const written = () => document.querySelector('.bubble.assistant')?.textContent.length > 60;
    await page.waitForFunction(written, null, { timeout: 60_000 });
    const figuresInSight = () => page.evaluate(() => document.querySelector('.side').scrollTo(0, 0));
    await figuresInSight();
    await page.screenshot({ path: join(ARTIFACTS, 'demo-streaming-desktop.png') });
    await page.waitForSelector('.bubble.assistant:not([aria-busy])', { timeout: 120_000 });
    await page.click('#device summary');
    await page.fill('#prompt', 'And in one sentence?');
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('.bubble.assistant:not([aria-busy]) ~ .bubble.assistant:not([aria-busy])');
    await figuresInSight();
    await photograph(page, 'chat');
    await page.setViewportSize(SIZES.phone);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.screenshot({ path: join(ARTIFACTS, 'demo-panel-phone-dark.png') });
    assert.deepEqual(problems, []);
  });
});
