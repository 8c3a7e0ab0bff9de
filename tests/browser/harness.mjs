// Headless Chromium on the built package. `withPackage` opens an empty page that has imported it as `paceline`.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from './server.mjs';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built package. */
export const PACKAGE = `${ROOT}pkg/dist`;

/** The real model, where there is one: `cargo xtask` says where. */
export const MODEL = process.env.PACELINE_MODEL;

/** No outside connections, WebGPU on whatever adapter there is. */
const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser to run. */
function executable() {
  const path = process.env.PACELINE_CHROMIUM ?? process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(path)) {
    throw new Error(`there is no browser at ${path}; run \`cargo xtask setup\`, or set PACELINE_CHROMIUM`);
  }
  return path;
}

/** Starts the browser. */
export function launch() {
  return chromium.launch({ executablePath: executable(), args: FLAGS });
}

/**
 * Starts a server and the browser, opens a page on which `window.paceline` is the package, calls `use` with it, and
 * ends everything. What the page writes to its console goes to standard error where `PACELINE_VERBOSE` is set.
 *
 * @template T
 * @param {{ mounts?: Record<string, string>, routes?: Parameters<typeof serve>[1] }} options
 * @param {(page: import('playwright-core').Page, url: string) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withPackage({ mounts = {}, routes = {} }, use) {
  if (!existsSync(`${PACKAGE}/index.js`)) {
    throw new Error('pkg/dist is missing; run `cargo xtask build`');
  }
  const server = await serve({ '/paceline': PACKAGE, ...mounts }, routes);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    verbose(page);
    await page.goto(server.url);
    await page.evaluate(async () => {
      window.paceline = await import('/paceline/index.js');
    });
    return await use(page, server.url);
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Lets a page's console be heard. */
export function verbose(page) {
  if (process.env.PACELINE_VERBOSE) {
    page.on('console', message => process.stderr.write(`  [page] ${message.text()}\n`));
    page.on('pageerror', error => process.stderr.write(`  [page] ${error.stack}\n`));
  }
}
