// The examples of examples/web, built and asked in headless Chromium.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { executable, FLAGS, launch, PACKAGE, ROOT, verbose } from './harness.mjs';
import { MODEL } from './models.mjs';
import { serve } from './server.mjs';

const EXAMPLES = join(ROOT, 'examples/web');
const MODEL_PATH = '/models/SmolLM2-135M-Instruct.Q4_1.gguf';

let browser;
let temporary;

before(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'paceline-examples-'));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  rmSync(temporary, { recursive: true, force: true });
});

/** Waits until the page's answer has some words. */
async function answered(page) {
  const words = () => document.querySelector('p')?.textContent.trim().split(/\s+/).length > 8;
  await page.waitForFunction(words, null, { timeout: 90_000 });
  return page.evaluate(() => document.querySelector('p').textContent);
}

/** Opens the page of `root`; asks, where it has something to ask with. */
async function ask(root, mounts = {}) {
  const server = await serve({ '/': root, [MODEL_PATH]: MODEL, ...mounts });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    verbose(page);
    await page.goto(`${server.url}/index.html`);
    const button = page.getByRole('button', { name: 'Ask' });
    if (await page.locator('input').count()) {
      await button.click({ timeout: 60_000 });
    }
    return await answered(page);
  } finally {
    await context.close();
    await server.close();
  }
}

test('plain', async () => {
  assert.match(await ask(join(EXAMPLES, 'plain'), { '/paceline': PACKAGE }), /[a-z]{3}/);
});

test('cdn', async () => {
  const cdn = await serve({ '/dist': PACKAGE }, {}, { 'Access-Control-Allow-Origin': '*' });
  try {
    const root = join(temporary, 'cdn');
    cpSync(join(EXAMPLES, 'cdn'), root, { recursive: true });
    const page = readFileSync(join(root, 'index.html'), 'utf8');
    const address = 'https://cdn.example/paceline@0.1.0/dist/index.js';
    assert.ok(page.includes(address));
    const routes = {
      '/index.html': (_, response) =>
        response
          .writeHead(200, { 'Content-Type': 'text/html' })
          .end(page.replace(address, `${cdn.url}/dist/index.js`)),
    };
    const server = await serve({ [MODEL_PATH]: MODEL }, routes);
    const tab = await browser.newPage();
    verbose(tab);
    await tab.goto(`${server.url}/index.html`);
    assert.match(await answered(tab), /[a-z]{3}/);
    await tab.close();
    await server.close();
  } finally {
    await cdn.close();
  }
});

for (const name of ['vite-typescript', 'react']) {
  test(name, async () => {
    const root = join(EXAMPLES, name);
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', root], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const outDir = join(temporary, name);
    await build({ root, configFile: false, logLevel: 'error', build: { outDir } });
    assert.match(await ask(outDir), /[a-z]{3}/);
  });
}

test('extension', async () => {
  const extension = join(temporary, 'extension');
  cpSync(join(EXAMPLES, 'extension'), extension, { recursive: true });
  cpSync(PACKAGE, join(extension, 'paceline'), { recursive: true });
  const context = await chromium.launchPersistentContext(join(temporary, 'profile'), {
    executablePath: executable(),
    // The headless shell has no extensions; the new headless mode has.
    headless: false,
    args: [
      ...FLAGS,
      '--headless=new',
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
    ],
  });
  try {
    const worker =
      context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker', { timeout: 30_000 }));
    const page = await context.newPage();
    verbose(page);
    await page.goto(new URL('panel.html', worker.url()).href);
    await page.setInputFiles('input[type=file]', MODEL);
    await page.getByRole('button', { name: 'Ask' }).click({ timeout: 60_000 });
    assert.match(await answered(page), /[a-z]{3}/);
    // The rest of the extension asks by message.
    const { text } = await worker.evaluate(() => chrome.runtime.sendMessage({ ask: 'Say hello.' }));
    assert.match(text, /[a-z]{3}/);
  } finally {
    await context.close();
  }
});
