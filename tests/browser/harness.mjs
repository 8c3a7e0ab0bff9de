// Headless Chromium on the built package, for the tests and for `generate.mjs`.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from './server.mjs';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built package. */
export const PACKAGE = `${ROOT}pkg/dist`;

/** What cargo makes. */
export const TARGET = process.env.CARGO_TARGET_DIR ?? `${ROOT}target`;

/** At `/old` the package as it is on a browser without an origin private file system, for {@link start}. */
export const OLD = {
  mounts: { '/old': PACKAGE },
  routes: {
    '/old/no-opfs.js': script('delete StorageManager.prototype.getDirectory;'),
    '/old/worker.js': script(`import '/old/no-opfs.js'; import '/paceline/worker.js';`),
    '/old/store-worker.js': script(`import '/old/no-opfs.js'; import '/paceline/store-worker.js';`),
  },
};

/** A route that answers with a script. */
export function script(text) {
  return (_, response) => response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(text);
}

/** Headers with which pages may share memory with workers. */
export const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** No outside connections, WebGPU on whatever adapter there is. */
export const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser to run. */
export function executable() {
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
 * A server with the built package (and what a test adds), and a browser.
 *
 * @param {{ mounts?: Record<string, string>, routes?: Parameters<typeof serve>[1], headers?: Record<string, string> }} options
 */
export async function start({ mounts = {}, routes = {}, headers = {} } = {}) {
  if (!existsSync(`${PACKAGE}/index.js`)) {
    throw new Error('pkg/dist is missing; run `cargo xtask build`');
  }
  const server = await serve({ '/paceline': PACKAGE, ...mounts }, routes, headers);
  const browser = await launch();
  return {
    url: server.url,
    browser,
    /**
     * An empty page on which `window.paceline` is the package, and `rejection` tells what a promise rejects with.
     *
     * @param {() => void | Promise<void>} [prepare] - done on the page: what else its test needs there
     * @param {{ newPage: import('playwright-core').BrowserContext['newPage'] }} [context] - where it is opened
     */
    async open(prepare, context = browser) {
      const page = await context.newPage();
      verbose(page);
      await page.goto(server.url);
      await page.evaluate(async () => {
        window.paceline = await import('/paceline/index.js');
        window.rejection = promise =>
          promise.then(
            () => undefined,
            ({ name, code, message }) => ({ name, code, message }),
          );
      });
      if (prepare) {
        await page.evaluate(prepare);
      }
      return page;
    },
    async stop() {
      await browser.close();
      await server.close();
    },
  };
}

/** Sends what a page writes to its console to standard error, where `PACELINE_VERBOSE` is set. */
export function verbose(page) {
  if (process.env.PACELINE_VERBOSE) {
    page.on('console', message => process.stderr.write(`  [page] ${message.text()}\n`));
    page.on('pageerror', error => process.stderr.write(`  [page] ${error.stack}\n`));
  }
}
