// The demo page: loading, chatting, and every control beside it, by mouse and keyboard.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  ask,
  checkAccess,
  DRAFT,
  goTo,
  keepPicture,
  load,
  modelFile,
  photograph,
  SIZES,
  TARGET,
  visit,
} from './demo-page.mjs';
import { launch } from './harness.mjs';
import { MODEL, tinyModels } from './models.mjs';

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

/** A visit with the small models beside the page. */
async function small(t, options = {}) {
  const target = modelFile(join(folder, 'target.gguf'));
  const site = await visit(browser, {
    mounts: { [DRAFT]: join(folder, 'draft.gguf') },
    routes: { [TARGET]: target.route },
    ...options,
  });
  t.after(() => site.close());
  return { ...site, target: target.file, page: await site.open(options.path) };
}

describe('loading', () => {
  test('is stopped with the keyboard, goes on where it stopped, and can be tried again after an error', async t => {
    const { page, problems, target } = await small(t);
    assert.match(await page.textContent('#target option:checked'), /SmolLM2.*MB/);
    assert.match(await page.textContent('#draft option:checked'), /Draft.*MB/);
    assert.equal(await page.isVisible('#side'), false);
    assert.equal(await page.isVisible('#nav a[href="#chat"]'), false);
    await photograph(page, 'setup');

    target.pace = 4000;
    await page.focus('#load');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.getElementById('loading-bar').value > 0.1);
    assert.match(await page.textContent('#loading-text'), /Downloading/);
    await photograph(page, 'loading');
    await page.keyboard.press('Enter'); // The focus has moved to Stop.
    await page.waitForSelector('#load:visible');
    assert.equal(await page.isVisible('.start .problem'), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'load');
    assert.match(await page.textContent('.row .hint'), /paused at \d+ %/);

    target.pace = 0;
    await load(page);
    assert.match(target.asked.at(-1), /^bytes=\d+-$/);
    assert.equal(await page.evaluate(() => document.body.dataset.view), 'chat');
    assert.match(await page.textContent('.chip'), /SmolLM2.*CPU/);

    // A file that is none: the error names the remedy, and another file works.
    await goTo(page, 'models');
    const buffer = Buffer.from('Dear diary, today I rode');
    await page.setInputFiles('#target-file', { name: 'notes.gguf', mimeType: 'text/plain', buffer });
    await page.click('#load');
    await page.waitForSelector('.start .problem:visible');
    assert.match(await page.textContent('.start .problem'), /not a GGUF file.*choose a file/i);
    await photograph(page, 'error');
    await page.setInputFiles('#target-file', join(folder, 'target.gguf'));
    await load(page);
    assert.match(await page.textContent('.chip'), /target\.gguf/);

    await goTo(page, 'models');
    await page.click('#unload');
    assert.equal(await page.isVisible('#nav a[href="#chat"]'), false);
    assert.deepEqual(problems, []);
  });

  test('takes dropped files: the model, then its draft', async t => {
    const { page, problems } = await small(t);
    for (const name of ['target.gguf', 'draft.gguf']) {
      const bytes = readFileSync(join(folder, name)).toString('base64');
      await page.evaluate(
        ([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name));
          const drop = type =>
            dispatchEvent(new DragEvent(type, { dataTransfer: transfer, cancelable: true }));
          drop('dragover');
          drop('drop');
        },
        [name, bytes],
      );
    }
    assert.match(await page.textContent('#target option:checked'), /target\.gguf.*a file/);
    assert.match(await page.textContent('#draft option:checked'), /draft\.gguf.*a file/);
    await load(page);
    assert.equal(await page.isChecked('input[name=drafter][value="ngram+model"]'), true);
    assert.deepEqual(problems, []);
  });

  test('on WebGPU says which adapter, and that it reckons right', async t => {
    const { page, problems } = await small(t);
    await load(page, 'webgpu');
    await page.click('#device summary');
    await page.waitForSelector('#device dd');
    const facts = await page.textContent('#device .facts');
    assert.match(facts, /WebGPU/);
    assert.match(facts, /software/);
    assert.match(facts, /Self-testpassed/);
    await ask(page, 'hello there');
    assert.deepEqual(problems, []);
  });
});

describe('a chat', () => {
  test('tints tokens by their author, obeys every control, stops, and recovers from errors', async t => {
    const { page, problems } = await small(t);
    await load(page);
    assert.equal(await page.isChecked('input[name=drafter][value="ngram+model"]'), true);
    assert.equal(await page.isDisabled('#gamma'), true);
    await page.uncheck('#gamma-auto');
    assert.equal(await page.textContent('output[for=gamma]'), '4');

    await page.fill('#max-tokens', '40');
    await ask(page, 'hello there');
    assert.ok((await page.textContent('.bubble.assistant')).length > 0);
    assert.ok((await page.locator('.bubble.assistant .by-draft').count()) > 0);
    assert.ok((await page.locator('.bubble.assistant .by-target').count()) > 0);
    const figures = await page.locator('.figures dd:visible').allTextContents();
    assert.ok(figures.length >= 6 && figures.every(text => /\d/.test(text)), `${figures}`);
    await page.uncheck('#tint');
    const tint = () =>
      page.evaluate(() => getComputedStyle(document.querySelector('.log .by-draft')).backgroundColor);
    assert.equal(await tint(), 'rgba(0, 0, 0, 0)');
    await page.check('#tint');
    assert.notEqual(await tint(), 'rgba(0, 0, 0, 0)');

    // Without a drafter every token is the target's own; the text is the same.
    await page.check('input[name=drafter][value=none]', { force: true });
    assert.equal(await page.isVisible('#gamma'), false);
    await page.click('#new-chat');
    await ask(page, 'hello there');
    const plain = await page.textContent('.bubble.assistant');
    assert.equal(await page.locator('.bubble.assistant .by-draft').count(), 0);
    await page.check('input[name=drafter][value=model]', { force: true });
    await page.click('#new-chat');
    await ask(page, 'hello there');
    assert.equal(await page.textContent('.bubble.assistant'), plain);

    // Drawn by chance: the controls of chance appear.
    assert.equal(await page.isVisible('input[name=verify]'), false);
    await page.fill('#temperature', '1');
    assert.match(await page.textContent('#writing'), /by chance/);
    await page.check('input[name=verify][value=token]', { force: true });
    await page.fill('#top-p', '0.9');
    await page.click('.more summary');
    await page.fill('#top-k', '40');
    await page.fill('#seed', '7');
    await page.click('#new-chat');
    await ask(page, 'hello there');
    const seeded = await page.textContent('.bubble.assistant');
    await page.click('#new-chat');
    await ask(page, 'hello there');
    assert.equal(await page.textContent('.bubble.assistant'), seeded);
    assert.equal(await page.isVisible('.chat .problem'), false);
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
    await ask(page, 'go on');
    assert.equal(await page.isVisible('.chat .problem'), false);

    // Too long a prompt: an error with its remedy, and the words are not lost.
    await page.fill('#prompt', 'long '.repeat(600));
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('.chat .problem:visible');
    assert.match(await page.textContent('.chat .problem'), /shorten it/);
    assert.match(await page.inputValue('#prompt'), /^long long/);
    await checkAccess(page, 'chat error');
    await page.click('#new-chat');
    assert.equal(await page.locator('.bubble').count(), 0);
    assert.equal(await page.isVisible('.chat .problem'), false);

    // What was set is there on the next visit.
    await page.fill('#max-tokens', '33');
    await page.reload();
    await page.waitForSelector('[data-ready]');
    await load(page);
    assert.equal(await page.inputValue('#max-tokens'), '33');
    assert.deepEqual(problems, []);
  });

  test('can do without a mouse', async t => {
    const { page, problems } = await small(t);
    await page.check('input[name=device][value=cpu]', { force: true });
    await page.focus('#load');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-engine=loaded]');
    await page.waitForFunction(() => document.activeElement.id === 'prompt');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.bubble.assistant:not([aria-busy])');

    // Every control of the page is reached by Tab, in the order of the page, and shows that it has the focus.
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      reached.add(
        await page.evaluate(() => {
          const { activeElement: e } = document;
          return e.id || e.getAttribute('href') || e.name || e.textContent.trim();
        }),
      );
    }
    for (const name of [
      '#main',
      '#race',
      'log',
      'tint',
      'new-chat',
      'prompt',
      'drafter',
      'gamma-auto',
      'temperature',
    ]) {
      assert.ok(reached.has(name), `${name} of ${[...reached].join(', ')}`);
    }
    await page.focus('#nav a[href="#race"]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-view=race]');
    await page.goBack();
    await page.waitForSelector('[data-view=chat]');
    assert.deepEqual(problems, []);
  });

  test('goes on after a crash of the engine', async t => {
    const { page, context, problems } = await small(t);
    await load(page);
    await page.fill('#max-tokens', '8');
    await ask(page, 'hello');
    const bubbles = await page.locator('.bubble').count();
    await page.fill('#max-tokens', '400');
    await page.fill('#prompt', 'and now?');
    await page.evaluate(() => {
      // The worker is out of reach: what a crash does to the page is what the end of its engine does.
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (...message) {
        setTimeout(() => this.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' })), 20);
        Worker.prototype.postMessage = postMessage;
        return postMessage.apply(this, message);
      };
    });
    await page.press('#prompt', 'Enter');
    await page.waitForSelector('.chat .problem:visible');
    assert.match(await page.textContent('.chat .problem'), /crashed. Load it again/);
    await checkAccess(page, 'crash');
    await keepPicture(page, 'crashed-desktop-light');
    await page.click('.chat .problem button');
    await page.waitForFunction(
      () => document.getElementById('announce').textContent === 'The model is loaded',
    );
    assert.ok((await page.locator('.bubble').count()) >= bubbles, 'the conversation stays');
    await page.fill('#max-tokens', '8');
    await ask(page, 'hello');
    assert.equal(context.pages().length, 1);
    assert.deepEqual(problems, []);
  });

  test('is exact until the lossy dial is turned, and then says what that costs', async t => {
    const { page, problems } = await small(t);
    await load(page);
    await page.uncheck('#gamma-auto');
    await page.fill('#max-tokens', '60');
    await ask(page, 'hello there');
    assert.equal(await page.isVisible('text=Total variation'), false);
    const { accepted: exact } = await figures(page);

    await page.fill('#epsilon', '0.1');
    assert.equal(await page.isDisabled('#lossy-kind option[value=exponential]'), true);
    await page.selectOption('#lossy-kind', 'square');
    await page.click('#code summary');
    assert.match(await page.textContent('#code pre'), /lossy: { kind: 'square', epsilon: 0\.1 }/);
    await page.click('#new-chat');
    await ask(page, 'hello there');
    const { accepted, variation } = await figures(page);
    t.diagnostic(`${exact} % accepted exactly, ${accepted} % at total variation ${variation}`);
    assert.ok(accepted > exact, `${accepted} of ${exact}`);
    assert.ok(variation > 0 && variation <= 1, `${variation}`);
    await checkAccess(page, 'lossy');
    await keepPicture(page, 'lossy-desktop-light');

    // Above temperature 0 there is a third kind; blocks and lenience exclude one another.
    await page.fill('#temperature', '1');
    assert.equal(await page.isVisible('input[name=verify]'), false);
    await page.selectOption('#lossy-kind', 'exponential');
    await page.click('#new-chat');
    await ask(page, 'hello there');
    assert.equal(await page.isVisible('.chat .problem'), false);
    await page.fill('#temperature', '0');
    assert.equal(await page.inputValue('#lossy-kind'), 'linear');

    await goTo(page, 'race');
    await page.click('#race-start');
    await page.waitForSelector('.board:visible');
    assert.match(await page.textContent('.check-line'), /not compared: .* total variation of \d\.\d{3}/);
    assert.deepEqual(problems, []);
  });
});

test('the settings offer what the engine says it has', async t => {
  const { page, context, problems } = await small(t);
  // An engine of another version, with one more of each.
  await context.addInitScript(() => {
    const { addEventListener } = Worker.prototype;
    Worker.prototype.addEventListener = function (type, listener, ...rest) {
      const spoken = event => {
        const info = event.data?.answer;
        if (type === 'message' && info?.drafters) {
          info.drafters.push({ name: 'oracle', about: 'asks an oracle', runs: 'host', needsDraft: false });
          info.verifiers.push({ name: 'jury', about: 'asks twelve' });
          info.lossy.push({ name: 'cubic', about: 'p / epsilon^3' });
        }
        listener(event);
      };
      return addEventListener.call(this, type, spoken, ...rest);
    };
  });
  await page.reload();
  await page.waitForSelector('[data-ready]');
  await load(page);
  const values = selector => page.locator(selector).evaluateAll(all => all.map(({ value }) => value));
  const drafters = ['none', 'ngram', 'model', 'oracle', 'ngram+model'];
  assert.deepEqual(await values('input[name=drafter]'), drafters);
  assert.equal(await page.isChecked('input[name=drafter][value="ngram+model"]'), true);
  await page.check('input[name=drafter][value=oracle]', { force: true });
  assert.match(await page.textContent('#drafting'), /Asks an oracle\./);
  await page.fill('#temperature', '0.8');
  assert.deepEqual(await values('input[name=verify]'), ['token', 'block', 'jury']);
  await page.check('input[name=verify][value=jury]', { force: true });
  assert.match(await page.textContent('#drafting'), /Asks twelve\./);
  await page.click('#code summary');
  assert.match(await page.textContent('#code pre'), /drafter: 'oracle'[^]*verify: 'jury'/);
  await page.setViewportSize(SIZES.phone);
  await goTo(page, 'settings');
  await page.evaluate(() => document.getElementById('side').scrollTo(0, 0));
  await photograph(page, 'names');
  await page.fill('#epsilon', '0.5');
  assert.deepEqual(await values('#lossy-kind option'), ['linear', 'square', 'exponential', 'cubic']);
  await page.selectOption('#lossy-kind', 'cubic');
  assert.match(await page.textContent('#lossy'), /p \/ epsilon\^3\./);
  assert.match(await page.textContent('#code pre'), /lossy: { kind: 'cubic', epsilon: 0\.5 }/);
  await photograph(page, 'names-lossy');
  assert.deepEqual(problems, []);
});

/** The acceptance in per cent, and the total variation. */
async function figures(page) {
  const of = async name =>
    Number.parseFloat(await page.textContent(`.figures div:has(> dt:text("${name}")) dd`));
  return { accepted: await of('Drafts accepted'), variation: await of('Total variation') };
}

test('a chat to look at', async t => {
  const site = await visit(browser, { mounts: { [TARGET]: MODEL } });
  t.after(() => site.close());
  const page = await site.open();
  await load(page, 'auto');
  await photograph(page, 'welcome');
  await page.fill('#max-tokens', '110');
  await page.click('text=refrain');
  const written = () => document.querySelector('.bubble.assistant')?.textContent.length > 60;
  await page.waitForFunction(written, null, { timeout: 60_000 });
  await keepPicture(page, 'streaming-desktop-light');
  await page.waitForSelector('.bubble.assistant:not([aria-busy])', { timeout: 120_000 });
  await page.click('#device summary');
  await ask(page, 'And in one sentence?');
  await photograph(page, 'chat');
  await page.setViewportSize(SIZES.phone);
  await goTo(page, 'settings');
  await photograph(page, 'settings');
  await page.setViewportSize(SIZES.phone);
  await page.evaluate(() => document.getElementById('side').scrollTo(0, 1e6));
  await keepPicture(page, 'settings-end-phone-light');
  assert.deepEqual(site.problems, []);
});
