// The demo page's models: downloads with pause and resume, files, what is kept, what fails, and two tabs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ask, load, modelFile, photograph, TARGET, visit } from './demo-page.mjs';
import { launch } from './harness.mjs';
import { tinyModels } from './models.mjs';

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

/** A visit with a model of 2.8 MB beside the page. */
async function site(t, options = {}) {
  const model = modelFile(join(folder, 'deep.gguf'));
  const site = await visit(browser, {
    routes: { [TARGET]: model.route, ...options.routes },
    ...options.visit,
  });
  t.after(() => site.close());
  return { ...site, file: model.file, page: await site.open() };
}

const row = (page, title) => page.locator('.row', { hasText: title });
const state = (page, title, pattern) =>
  page.waitForFunction(
    ([title, source]) =>
      [...document.querySelectorAll('.row')].some(
        row =>
          row.textContent.includes(title) && new RegExp(source).test(row.querySelector('.hint').textContent),
      ),
    [title, pattern.source],
  );

test('a download is paused, resumed where it stopped, checked and deleted', async t => {
  const { page, file, problems } = await site(t);
  const model = row(page, 'SmolLM2');
  await state(page, 'SmolLM2', /not here yet/);
  file.pace = 250;
  await model.getByText('Download').click();
  await page.waitForFunction(() => document.querySelector('.row progress').value > 0.05);
  await photograph(page, 'downloading');
  await model.getByText('Pause').click();
  await state(page, 'SmolLM2', /paused at \d+ %/);
  const announced = await page.textContent('#announce');
  assert.match(announced, /paused/);
  await photograph(page, 'paused');

  // The pause outlives the page.
  await page.reload();
  await page.waitForSelector('[data-ready]');
  file.pace = 0;
  file.sent = 0;
  await model.getByText('Resume').click();
  await state(page, 'SmolLM2', /in this browser/);
  const at = Number(/^bytes=(\d+)-$/.exec(file.asked.at(-1))?.[1]);
  assert.ok(at > 0, `${file.asked}`);
  assert.equal(file.sent, file.bytes.length - at);

  await model.getByText('Check').click();
  await state(page, 'SmolLM2', /intact/);
  await photograph(page, 'kept');
  const before = file.asked.length;
  await load(page);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.equal(file.asked.length, before, 'what is kept is not fetched again');

  await page.click('#nav a[href="#models"]');
  await model.getByText('Delete').click();
  assert.match(await page.textContent('.row'), /Really delete\?/);
  await model.getByText('Really delete?').click();
  await state(page, 'SmolLM2', /not here yet/);
  assert.deepEqual(problems, []);
});

test('a load joins the download that is on its way', async t => {
  const { page, file, problems } = await site(t);
  file.pace = 50;
  await row(page, 'SmolLM2').getByText('Download').click();
  await page.waitForFunction(() => document.querySelector('.row progress').value > 0.05);
  await load(page);
  assert.equal(file.asked.length, 1, `${file.asked}`);
  assert.deepEqual(problems, []);
});

test('a download from an address fails in its row, and works once the cause is gone', async t => {
  let answer = 404;
  const bytes = readFileSync(join(folder, 'target.gguf'));
  const { page, url, problems } = await site(t, {
    routes: {
      '/elsewhere/my model.gguf': (_, response) => {
        response.writeHead(answer, { 'Content-Length': answer === 200 ? bytes.length : 0, ETag: '"1"' });
        response.end(answer === 200 ? bytes : undefined);
      },
    },
  });
  await page.fill('#add-url', `${url}/elsewhere/my%20model.gguf`);
  await page.press('#add-url', 'Enter');
  const added = row(page, 'my model.gguf');
  await added.locator('.row-problem:visible').waitFor();
  assert.match(await added.locator('.row-problem').textContent(), /404.*check the address/);
  await photograph(page, 'download-error');
  answer = 200;
  await added.getByText('Download').click();
  await state(page, 'my model.gguf', /in this browser/);
  await page.selectOption('#target', { label: await optionOf(page, 'my model.gguf') });
  await load(page);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(problems, []);
});

test('a picked file can be kept, and is there on the next visit', async t => {
  const { page, problems } = await site(t);
  await page.setInputFiles('#target-file', join(folder, 'target.gguf'));
  await state(page, 'target.gguf', /a file/);
  await row(page, 'target.gguf').getByText('Keep').click();
  await state(page, 'target.gguf', /in this browser/);
  await page.reload();
  await page.waitForSelector('[data-ready]');
  await state(page, 'target.gguf', /in this browser/);
  await page.selectOption('#target', { label: await optionOf(page, 'target.gguf') });
  await load(page);
  await page.click('#code summary');
  assert.match(await page.textContent('#code pre'), /target: { stored: 'target\.gguf' }/);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(problems, []);
});

test('storage: how full it is, whether it stays, and what happens when it is full', async t => {
  const { page, context, url, problems } = await site(t);
  assert.match(
    await page.textContent('.storage'),
    /of \d+(\.\d)? [MG]B used, in the browser’s private file system/,
  );
  await page.click('#persist');
  await page.waitForFunction(() => /promise|stay until/.test(document.querySelector('.storage').textContent));

  const devtools = await context.newCDPSession(page);
  await page.waitForSelector('[data-offline]');
  const used = await page.evaluate(async () => (await navigator.storage.estimate()).usage);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: url, quotaSize: used + 1_000_000 });
  await page.click('#load');
  await page.waitForSelector('.start .problem:visible', { timeout: 20_000 });
  assert.match(await page.textContent('.start .problem'), /room|full|space/i);
  await photograph(page, 'storage-full');
  await page.check('input[name=device][value=cpu]', { force: true });
  await page.getByText('Load without keeping it').click();
  await page.waitForSelector('[data-engine=loaded]');
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(problems, []);
});

test('two tabs download the same model once, see the same list, and both chat', async t => {
  const { page, open, file, problems } = await site(t);
  file.pace = 20;
  const other = await open();
  await Promise.all([load(page), load(other)]);
  assert.equal(file.asked.length, 1, `${file.asked}`);
  await page.fill('#max-tokens', '8');
  await other.fill('#max-tokens', '8');
  await Promise.all([ask(page, 'hello'), ask(other, 'hello')]);
  assert.equal(await page.textContent('.bubble.assistant'), await other.textContent('.bubble.assistant'));

  // What one deletes is gone from the other's list; what is loaded goes on.
  await page.click('#nav a[href="#models"]');
  await page.locator('.row').getByText('Delete').click();
  await page.locator('.row').getByText('Really delete?').click();
  await state(other, 'SmolLM2', /not here yet/);
  await ask(other, 'and then?');
  assert.deepEqual(problems, []);
});

test('a site without models, and a browser that keeps nothing', async t => {
  const site = await visit(browser);
  t.after(() => site.close());
  await site.context.addInitScript(() => {
    Object.defineProperty(navigator, 'storage', { value: undefined });
    Object.defineProperty(globalThis, 'caches', { value: undefined });
  });
  const page = await site.open();
  assert.equal(await page.isDisabled('#load'), true);
  assert.match(await page.textContent('.shelf'), /choose a file, drop one/);
  assert.match(await page.textContent('.storage'), /Nothing can be kept here/);
  await photograph(page, 'empty');
  await page.setInputFiles('#target-file', join(folder, 'target.gguf'));
  await load(page);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(site.problems, []);
});

/** The words of a model's option. */
async function optionOf(page, title) {
  const options = await page.locator('#target option').allTextContents();
  return options.find(text => text.includes(title));
}
