// The demo page's race: one prompt, two sessions, and a verdict that holds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { transformWithOxc } from 'vite';
import {
  ask,
  checkAccess,
  DRAFT,
  goTo,
  keepPicture,
  load,
  PAGE,
  photograph,
  SIZES,
  TARGET,
  visit,
} from './demo-page.mjs';
import { launch, ROOT } from './harness.mjs';
import { MODEL, tinyModels } from './models.mjs';

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

/** A visit with a loaded model, in the race view. */
async function race(t, mounts, device) {
  const site = await visit(browser, { mounts });
  t.after(() => site.close());
  const page = await site.open();
  await load(page, device);
  await goTo(page, 'race');
  return { ...site, page };
}

const small = () => ({
  [TARGET]: join(folder, 'target.gguf'),
  [DRAFT]: join(folder, 'draft.gguf'),
});

async function run(page) {
  await page.click('#race-start');
  await page.waitForSelector('.board:visible', { timeout: 120_000 });
}

const lane = (page, name) => page.textContent(`.lane.${name} .text`);

for (const device of ['cpu', 'webgpu']) {
  describe(`a race on the ${device} device`, () => {
    test('ends in a ratio and in identical texts, and can be seen again', async t => {
      const { page, problems } = await race(t, small(), device);
      await page.fill('#max-tokens', '48');
      await page.uncheck('#gamma-auto'); // What pays here may be nothing.
      await run(page);
      assert.match(await page.textContent('.ratio strong'), /^\d+\.\d\d×$/);
      assert.match(await page.textContent('.check-line'), /^Identical, token for token \(\d+\)$/);
      const texts = [await lane(page, 'speculative'), await lane(page, 'plain')];
      assert.ok(texts[0].length > 0);
      assert.equal(texts[0], texts[1]);
      assert.ok((await page.locator('.lane.speculative .by-draft').count()) > 0);
      assert.equal(await page.locator('.lane.plain .by-draft').count(), 0);

      // The ratio is that of the speeds that stand above it.
      const speed = async name => Number(await page.textContent(`.lane.${name} .speed span`));
      const ratio = Number.parseFloat(await page.textContent('.ratio strong'));
      const shown = (await speed('speculative')) / (await speed('plain'));
      assert.ok(Math.abs(ratio - shown) < 0.03, `${ratio} of ${shown}`);

      // The plots have curves, and say in words what they show.
      const labels = await page
        .locator('.plot-canvas')
        .evaluateAll(all => all.map(e => e.getAttribute('aria-label')));
      assert.match(labels[0], /with speculation.*without/);
      assert.match(labels[1], /\d+ % counted, \d+ % expected/);
      const inked = await page.evaluate(() =>
        [...document.querySelectorAll('.plot canvas')].map(canvas => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return data.some(value => value !== 0);
        }),
      );
      assert.deepEqual(inked, [true, true]);

      await page.click('#race-replay');
      await page.waitForFunction(
        () => document.querySelector('.lane.plain .state').textContent === 'replayed',
      );
      assert.deepEqual([await lane(page, 'speculative'), await lane(page, 'plain')], texts);
      assert.deepEqual(problems, []);
    });
  });
}

test('the draft that the page comes with races for the real model', async t => {
  const mounts = { [TARGET]: MODEL, [DRAFT]: join(PAGE, DRAFT) };
  const { page, problems } = await race(t, mounts, 'cpu');
  await page.check('input[name=drafter][value=model]', { force: true });
  await page.fill('#max-tokens', '40');
  await page.uncheck('#gamma-auto');
  await run(page);
  assert.match(await page.textContent('.check-line'), /^Identical, token for token \(\d+\)$/);
  assert.ok((await page.locator('.lane.speculative .by-draft').count()) > 3, 'the draft is of use');
  await keepPicture(page, 'race-shipped-draft-desktop-light');
  assert.deepEqual(problems, []);
});

test('the verdict finds out texts that are not the same', async () => {
  const path = join(ROOT, 'www/src/race/verdict.ts');
  const { code } = await transformWithOxc(readFileSync(path, 'utf8'), path);
  const { judge } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const result = (tokenIds, tokensPerSecond = 10) => ({ tokenIds, stats: { tokensPerSecond } });
  const texts = (a, b) => judge(result(a), result(b), true).texts;
  assert.deepEqual(texts([1, 2, 3], [1, 2, 3]), { identical: true, tokens: 3 });
  assert.deepEqual(texts([1, 2, 3], [1, 5, 3]), { identical: false, at: 1 });
  assert.deepEqual(texts([1, 2], [1, 2, 3]), { identical: false, at: 2 });
  assert.deepEqual(texts([1, 2, 3], [1, 2]), { identical: false, at: 2 });
  assert.deepEqual(judge(result([1], 15), result([2], 10), false), { ratio: 1.5, texts: undefined });
});

test('a race says what it cannot compare, stops, and does not disturb the chat', async t => {
  const { page, problems } = await race(t, small(), 'cpu');
  await page.fill('#max-tokens', '32');
  await page.fill('#temperature', '1');
  await run(page);
  assert.match(await page.textContent('.check-line'), /not compared: both were drawn by chance/);
  await page.fill('#temperature', '0');

  // With nobody drafting, the race takes the best drafter there is.
  await page.check('input[name=drafter][value=none]', { force: true });
  await run(page);
  assert.match(await page.textContent('.lane.speculative .how'), /^ngram\+model, gamma auto$/);
  await page.check('input[name=drafter][value=ngram]', { force: true });

  // Stopped, with the keyboard: the button has the focus.
  await page.fill('#max-tokens', '1500');
  await page.focus('#race-prompt');
  await page.click('#race-start');
  await page.waitForFunction(() => document.querySelector('.lane.plain .text').textContent.length > 0);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#race-start:visible');
  assert.equal(await page.textContent('.lane.plain .state'), 'stopped');
  assert.equal(await page.isVisible('.board'), false);
  assert.equal(await page.isVisible('.race .problem'), false);

  // A race and a chat never run at the same time.
  await page.evaluate(() => {
    document.getElementById('race-start').click();
    document.getElementById('prompt').value = 'hello';
    document.getElementById('send').click();
    document.getElementById('race-stop').click();
  });
  await page.waitForSelector('#race-start:visible');
  await goTo(page, 'chat');
  assert.match(await page.textContent('.chat .problem'), /race is on/);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(problems, []);
});

test('a prompt too long for the context', async t => {
  const { page } = await race(t, small(), 'cpu');
  await page.fill('#race-prompt', 'long '.repeat(600));
  await page.click('#race-start');
  await page.waitForSelector('.race .problem:visible');
  assert.match(await page.textContent('.race .problem'), /shorten it/);
  await checkAccess(page, 'race error');
});

test('a race to look at', async t => {
  const { page, problems } = await race(t, { [TARGET]: MODEL }, 'auto');
  await photograph(page, 'race-before');
  await page.fill('#max-tokens', '110');
  await page.click('#race-start');
  await page.waitForFunction(() => document.querySelector('.lane.plain .text').textContent.length > 120);
  await keepPicture(page, 'race-running-desktop-light');
  await page.waitForSelector('.board:visible', { timeout: 120_000 });
  t.diagnostic((await page.textContent('.board')).replace(/\s+/g, ' '));
  assert.match(await page.textContent('.check-line'), /^Identical, token for token/);
  await photograph(page, 'race');
  await page.setViewportSize(SIZES.phone);
  await page.evaluate(() => document.getElementById('main').scrollTo(0, 1e6));
  await keepPicture(page, 'race-end-phone-light');
  assert.deepEqual(problems, []);
});
