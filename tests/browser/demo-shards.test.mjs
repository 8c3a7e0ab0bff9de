// The page and models that are split over several files: picked, dropped, kept, from an address.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './harness.mjs';
import { tinyModels } from './models.mjs';
import { visit } from './demo-page.mjs';

const folder = tinyModels();
const NAMES = Array.from({ length: 9 }, (_, i) => `split-0000${i + 1}-of-00009.gguf`);
const DRAFT = ['split-draft-00001-of-00002.gguf', 'split-draft-00002-of-00002.gguf'];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function load(page) {
  await page.check('input[name=device][value=cpu]', { force: true });
  await page.click('#load');
  await page.waitForSelector('[data-engine=loaded]', { timeout: 60_000 });
}

test('files of a split model are picked, loaded and kept as one', async t => {
  const site = await visit(browser);
  t.after(() => site.close());
  const page = await site.open();
  await page.setInputFiles(
    '#target-file',
    NAMES.map(name => join(folder, name)),
  );
  assert.match(await page.textContent('#target option:checked'), /^split\.gguf · .* · 9 files$/);
  await page.click('.row:has-text("split.gguf") >> text=Keep');
  await page.waitForSelector('.row:has-text("in this browser")');
  await page.reload();
  await page.waitForSelector('[data-ready]');
  assert.equal(await page.locator('.row').count(), 1);
  await page.selectOption('#target', { index: 1 });
  await load(page);
  assert.deepEqual(site.problems, []);
});

test('dropped files are as many models as they are', async t => {
  const site = await visit(browser);
  t.after(() => site.close());
  const page = await site.open();
  const bytes = [...NAMES, ...DRAFT].map(name => [name, readFileSync(join(folder, name)).toString('base64')]);
  await page.evaluate(files => {
    const transfer = new DataTransfer();
    for (const [name, base64] of files) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], name));
    }
    dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }));
  }, bytes);
  assert.match(await page.textContent('#target option:checked'), /^split\.gguf/);
  assert.match(await page.textContent('#draft option:checked'), /^split-draft\.gguf .* 2 files$/);
  await load(page);
  await page.click('#code summary');
  const code = await page.textContent('#code pre');
  assert.match(code, /target: \[\.\.\.files\]\.slice\(0, 9\),\s+draft: \[\.\.\.files\]\.slice\(9, 11\),/);
  assert.deepEqual(site.problems, []);
});

test('a part alone is told what it is', async t => {
  const site = await visit(browser);
  t.after(() => site.close());
  const page = await site.open();
  await page.setInputFiles('#target-file', join(folder, NAMES[2]));
  await page.click('#load');
  const problem = page.locator('.start [role=alert]');
  await problem.waitFor();
  assert.match(
    await problem.textContent(),
    /part 3 of 9 of a split model; give all 9 files: split-00001-of-00009/i,
  );
});

test('the address of a part is that of the model', async t => {
  const site = await visit(browser, { mounts: { '/tiny': folder } });
  t.after(() => site.close());
  const page = await site.open();
  await page.fill('#add-url', `${site.url}/tiny/${NAMES[3]}`);
  await page.click('.add button');
  await page.waitForSelector('.row:has-text("in this browser")');
  assert.match(await page.textContent('.row'), /split\.gguf/);
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
  await page.selectOption('#target', { index: 1 });
  await load(page);
  assert.deepEqual(site.problems, []);
});
