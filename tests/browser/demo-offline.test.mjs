// The demo page without a network, and when a newer version of it is served.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync, constants } from 'node:zlib';
import { ask, checkAccess, goTo, keepPicture, load, modelFile, PAGE, TARGET, visit } from './demo-page.mjs';
import { launch } from './harness.mjs';
import { tinyModels } from './models.mjs';

/** What a visitor may have to download before a model, in bytes after brotli. */
const LIMIT = 1_300_000;

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

test('after one visit everything works with the server gone', async t => {
  const model = modelFile(join(folder, 'target.gguf'));
  const site = await visit(browser, { routes: { [TARGET]: model.route } });
  t.after(() => site.context.close());
  const page = await site.open();
  await load(page);
  await page.fill('#max-tokens', '24');
  await ask(page, 'hello');
  const text = await page.textContent('.bubble.assistant');
  await page.waitForSelector('[data-offline]');

  await site.server.close();
  for (const address of [`${site.url}/`, `${site.url}/index.html#models`, `${site.url}/?again`]) {
    await page.goto('about:blank');
    await page.goto(address);
    await page.waitForSelector('[data-ready]');
  }
  assert.match(await page.textContent('#target option:checked'), /SmolLM2 135M Instruct.*in this browser/);
  await load(page);
  await ask(page, 'hello');
  assert.equal(await page.textContent('.bubble.assistant'), text);
  await goTo(page, 'race');
  await page.click('#race-start');
  await page.waitForSelector('.board:visible', { timeout: 60_000 });
  assert.match(await page.textContent('.check-line'), /^Identical/);
  await keepPicture(page, 'offline-desktop-light');

  // A second tab, too.
  const other = await site.context.newPage();
  await other.goto(site.url);
  await other.waitForSelector('[data-ready]');
  await load(other);
  await ask(other, 'hello');
  assert.equal(await other.textContent('.bubble.assistant'), text);
  assert.deepEqual(site.problems, []);
});

test('a folder below a host’s root is enough', async t => {
  const site = await visit(browser, {
    folder: mkdtempSync(join(tmpdir(), 'paceline-root-')),
    mounts: { '/some/folder/models/SmolLM2-135M-Instruct.Q4_1.gguf': join(folder, 'target.gguf') },
    routes: {
      '/some/folder/': (_, response) => response.writeHead(200).end(readFileSync(join(PAGE, 'index.html'))),
    },
  });
  t.after(() => site.close());
  const filter = path => !path.endsWith('/models');
  cpSync(PAGE, join(site.folder, 'some/folder'), { recursive: true, filter });
  t.after(() => rmSync(site.folder, { recursive: true }));
  const page = await site.open('/some/folder/');
  await page.waitForSelector('[data-offline]');
  await load(page);
  await page.fill('#max-tokens', '8');
  await ask(page, 'hello');
  assert.deepEqual(site.problems, []);
});

test('a host changes its list of models without a new version of the page', async t => {
  let title = 'First';
  const site = await visit(browser, {
    mounts: { '/target.gguf': join(folder, 'target.gguf') },
    routes: {
      '/models.json': (_, response) =>
        response.end(JSON.stringify({ models: [{ title, url: './target.gguf', role: 'target' }] })),
    },
  });
  t.after(() => site.close());
  const page = await site.open();
  await page.waitForSelector('[data-offline]');
  title = 'Second';
  await page.reload();
  await page.waitForSelector('[data-ready]');
  assert.match(await page.textContent('.row'), /Second/);
});

test('a newer version waits until the visitor takes it', async t => {
  const copy = mkdtempSync(join(tmpdir(), 'paceline-page-'));
  t.after(() => rmSync(copy, { recursive: true }));
  cpSync(PAGE, copy, { recursive: true });
  const site = await visit(browser, { folder: copy });
  t.after(() => site.close());
  const page = await site.open();
  await page.waitForSelector('[data-offline]');
  const other = await site.open();
  assert.equal(await page.isVisible('.notice'), false);

  // The next version: another text, another list of files.
  const change = (name, from, to) => {
    const text = readFileSync(join(copy, name), 'utf8');
    assert.ok(text.includes(from), name);
    writeFileSync(join(copy, name), text.replace(from, to));
  };
  const version = /paceline-page-`?,\w+=`\$\{\w+\}\$\{"(\w+)"\}/.exec(
    readFileSync(join(copy, 'sw.js'), 'utf8'),
  )?.[1];
  assert.ok(version, 'sw.js names its version');
  change('index.html', '</title>', ', again</title>');
  change('sw.js', version, 'next');
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  await page.waitForSelector('.notice:visible');
  assert.match(await page.textContent('.notice'), /new version of this page/);
  assert.doesNotMatch(await page.title(), /again/);
  await checkAccess(page, 'a new version');
  await keepPicture(page, 'new-version-desktop-light');

  await page.click('.notice .quiet');
  assert.equal(await page.isVisible('.notice'), false);
  await page.reload();
  await page.waitForSelector('.notice:visible');
  assert.doesNotMatch(await page.title(), /again/, 'a reload alone does not take it');
  await Promise.all([page.waitForEvent('load'), page.click('.notice .primary')]);
  await page.waitForFunction(() => document.title.includes('again'));
  await other.waitForFunction(() => document.querySelector('.notice')?.textContent.includes('Another tab'));
  const caches = await page.evaluate(() => caches.keys());
  assert.deepEqual(
    caches.filter(name => name.startsWith('paceline-page-')),
    ['paceline-page-next'],
  );
  assert.deepEqual(site.problems, []);
});

test('what a visitor downloads without models', t => {
  const sizes = readdirSync(PAGE, { recursive: true })
    .map(name => join(PAGE, name))
    .filter(path => statSync(path).isFile() && !path.endsWith('.gguf'))
    .map(path => [path, brotli(readFileSync(path)).length]);
  // A page has one of two engines: with its memory shared or not.
  const engines = sizes.filter(([path]) => path.endsWith('.wasm')).map(([, size]) => size);
  assert.equal(engines.length, 2);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0) - Math.min(...engines);
  t.diagnostic(`${total} of at most ${LIMIT} bytes after brotli`);
  assert.ok(total <= LIMIT, sizes.map(([path, size]) => `${size} ${path}`).join('\n'));
});

/** As static hosts compress: at the best quality, with a window as large as the file. */
function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}
