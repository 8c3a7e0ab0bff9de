// The demo page, as it is served, for its tests: opened, loaded, photographed into artifacts/, and checked by axe.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT, verbose } from './harness.mjs';
import { ranged } from './ranged.mjs';
import { serve } from './server.mjs';

/** Where the page is built. */
export const PAGE = join(ROOT, 'www/dist');

/** Where the page looks for its models. */
export const TARGET = '/models/SmolLM2-135M-Instruct.Q4_1.gguf';
export const DRAFT = '/models/draft.gguf';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const SIZES = {
  small: { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
};
const ARTIFACTS = join(ROOT, 'artifacts');
mkdirSync(ARTIFACTS, { recursive: true });

/**
 * A site with the page, a browser context of its own, and what went wrong in its pages.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {{ mounts?: Record<string, string>, routes?: object, context?: object, folder?: string }} options
 */
export async function visit(
  browser,
  { mounts = {}, routes = {}, context: options = {}, folder = PAGE } = {},
) {
  // The draft that the page comes with is for another model than the tests' own: who wants one mounts it.
  const server = await serve({ '/': folder, '/models': join(folder, 'nothing'), ...mounts }, routes);
  const context = await browser.newContext({ viewport: SIZES.desktop, ...options });
  const problems = [];
  return {
    url: server.url,
    server,
    context,
    problems,
    folder,
    /** Opens a tab, and waits until it knows its models. */
    async open(path = '/') {
      const page = await context.newPage();
      verbose(page);
      page.on('pageerror', error => problems.push(error.message));
      await page.goto(server.url + path);
      await page.waitForSelector('[data-ready]');
      return page;
    },
    async close() {
      await context.close();
      await server.close();
    },
  };
}

/** A model file with ranges, as a route; a `HEAD` request tells its length and leaves no trace. */
export function modelFile(path, options) {
  const file = ranged(readFileSync(path), options);
  return {
    file,
    route(request, response) {
      if (request.method === 'HEAD') {
        response.writeHead(200, { 'Content-Length': file.bytes.length }).end();
      } else {
        file.route(request, response);
      }
    },
  };
}

/** Loads what is chosen. */
export async function load(page, device = 'cpu') {
  await page.check(`input[name=device][value=${device}]`, { force: true });
  await page.click('#load');
  await page.waitForSelector('[data-engine=loaded]', { timeout: 60_000 });
}

/** Sends a message and waits for the end of its answer. */
export async function ask(page, text) {
  const before = await page.locator('.bubble.assistant').count();
  await page.fill('#prompt', text);
  await page.press('#prompt', 'Enter');
  await page.waitForFunction(
    n => document.querySelectorAll('.bubble.assistant:not([aria-busy])').length > n,
    before,
  );
}

/** Goes to a view by its link. */
export async function goTo(page, view) {
  await page.click(`#nav a[href="#${view}"]`);
  await page.waitForSelector(`[data-view=${view}]`);
}

/** Photographs the page in its sizes and both colour schemes; axe looks at each, and nothing may scroll sideways. */
export async function photograph(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(50);
      if (size !== 'small') {
        await keepPicture(page, `${name}-${size}-${colorScheme}`);
      }
      await checkAccess(page, `${name}, ${size}, ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} on a ${size} scrolls sideways by ${overflow} pixels`);
    }
  }
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Keeps a picture of the page as it is. */
export function keepPicture(page, name) {
  return page.screenshot({ path: join(ARTIFACTS, `demo-${name}.png`) });
}

/** Lets axe look for what keeps people out. */
export async function checkAccess(page, where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map(
      ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(n => n.html).join(' ')}`,
    );
  });
  assert.deepEqual(found, [], where);
}
