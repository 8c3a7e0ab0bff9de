// The packed package as others get it: installed into empty folders, bundled by vite and webpack, from another origin,
// and the README's example as it stands there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, createServer } from 'vite';
import webpack from 'webpack';
import { ISOLATED, launch, PACKAGE, ROOT, verbose } from './harness.mjs';
import { MODEL, tinyModels } from './models.mjs';
import { serve } from './server.mjs';

/** A page's script that loads the tiny models, through the store too, and puts what came out where the test sees it. */
const SCRIPT = `
import { ModelStore, Paceline, PacelineError } from 'paceline';
import { paceline } from 'paceline/ai-sdk';

async function run() {
  const store = await ModelStore.open();
  await store.download('/models/draft.gguf');
  const engine = await Paceline.load({
    target: '/models/target.gguf',
    draft: { stored: 'draft.gguf' },
    threads: 2,
  });
  const { tokenIds } = await engine.generate('the lore', { maxTokens: 8 }).result;
  const error = await Paceline.load({ target: '/missing.gguf' }).catch(error => error);
  const models = (await store.list()).map(({ name, complete }) => [name, complete]);
  const typed = error instanceof PacelineError && error.code;
  const { threads } = engine.info;
  return { tokens: tokenIds.length, threads, models, typed, sdk: paceline(engine).specificationVersion };
}
run().then(result => (window.outcome = result), error => (window.outcome = String(error.stack ?? error)));
`;

const EXPECTED = {
  tokens: 8,
  threads: 1,
  models: [
    ['draft.gguf', true],
    ['target.gguf', true],
  ],
  typed: 'source-http',
  sdk: 'v3',
};

const PAGE =
  '<!doctype html><html lang="en"><title>App</title><script type="module" src="./main.js"></script>';

let folder;
let tarball;
let models;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'paceline-apps-'));
  models = tinyModels();
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: join(ROOT, 'pkg'),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  tarball = join(folder, Object.values(JSON.parse(packed))[0].filename);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder with the packed package installed, and these files. */
function app(name, files) {
  const app = join(folder, name);
  for (const [path, content] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(app, path)), { recursive: true });
    writeFileSync(join(app, path), content);
  }
  const install = ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', tarball];
  execFileSync('npm', install, { cwd: app, stdio: ['ignore', 'ignore', 'inherit'] });
  return app;
}

/** What the page at `url` leaves in `window.outcome`. */
async function outcomeAt(url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  verbose(page);
  const errors = [];
  page.on('pageerror', error => errors.push(String(error)));
  try {
    await page.goto(url);
    await page.waitForFunction(() => window.outcome !== undefined, null, { timeout: 60_000 });
    return await page.evaluate(() => window.outcome);
  } catch (error) {
    throw new Error(`${error.message}; the page said: ${errors.join('; ')}`);
  } finally {
    await context.close();
  }
}

/** What is left there where the page may share memory with workers. */
const EXPECTED_ISOLATED = { ...EXPECTED, threads: 2 };

/** Serves a folder with the models beside it. */
async function served(root, use, mounts = {}, headers = {}) {
  const server = await serve({ '/': root, '/models': models, ...mounts }, {}, headers);
  try {
    return await use(server.url);
  } finally {
    await server.close();
  }
}

test('what is packed is what a page needs, and nothing of the workshop', () => {
  const listed = execFileSync('tar', ['tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  for (const file of [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/index.js.map',
    'dist/LICENSE-MIT',
    'README.md',
  ]) {
    assert.ok(listed.includes(`package/${file}`), file);
  }
  const strange = listed.filter(path => !/^package\/(dist\/|README\.md$|package\.json$)/.test(path));
  assert.deepEqual(strange, []);
  const scripts = listed.filter(path => path.endsWith('.js'));
  assert.ok(scripts.length > 4);
  for (const path of scripts) {
    const text = readFileSync(join(PACKAGE, path.replace('package/dist/', '')), 'utf8');
    const imports = [...text.matchAll(/^(?:import|export)\b[^'";]*["']([^"']+)["']/gm)].map(
      match => match[1],
    );
    assert.deepEqual(
      imports.filter(name => !name.startsWith('./')),
      [],
      path,
    );
  }
});

describe('in a fresh app of', () => {
  test('vite, built', async () => {
    const root = app('vite', { 'index.html': PAGE, 'main.js': SCRIPT });
    await build({ root, logLevel: 'warn', configFile: false, base: './' });
    assert.deepEqual(await served(join(root, 'dist'), outcomeAt), EXPECTED);
    assert.deepEqual(await served(join(root, 'dist'), outcomeAt, {}, ISOLATED), EXPECTED_ISOLATED);
  });

  test('vite, served for development', async () => {
    const root = app('vite-dev', { 'index.html': PAGE, 'main.js': SCRIPT });
    cpSync(models, join(root, 'public/models'), { recursive: true });
    const options = { root, logLevel: 'warn', configFile: false, server: { headers: ISOLATED } };
    const server = await createServer(options);
    try {
      await server.listen();
      const outcome = await outcomeAt(server.resolvedUrls.local[0]);
      // Vite answers with its page where a file is missing.
      assert.deepEqual(outcome, { ...EXPECTED_ISOLATED, typed: 'gguf-magic' });
    } finally {
      await server.close();
    }
  });

  test('webpack', async () => {
    const root = app('webpack', { 'main.js': SCRIPT });
    const output = join(root, 'dist');
    const config = {
      mode: 'production',
      context: root,
      entry: './main.js',
      output: { path: output, filename: 'main.js' },
    };
    const stats = await new Promise((resolve, reject) =>
      webpack(config, (error, stats) => (error ? reject(error) : resolve(stats))),
    );
    assert.ok(!stats.hasErrors(), stats.toString('errors-only'));
    writeFileSync(join(output, 'index.html'), PAGE);
    assert.deepEqual(await served(output, outcomeAt, {}, ISOLATED), EXPECTED_ISOLATED);
  });
});

test('from another origin, as from a CDN, with an import map and no bundler', async () => {
  const headers = {
    ...ISOLATED,
    'Access-Control-Allow-Origin': '*',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  };
  const cdn = await serve({ '/paceline': PACKAGE }, {}, headers);
  try {
    const map = {
      imports: {
        paceline: `${cdn.url}/paceline/index.js`,
        'paceline/ai-sdk': `${cdn.url}/paceline/ai-sdk.js`,
      },
    };
    const root = join(folder, 'cdn');
    mkdirSync(root);
    const head = `<script type="importmap">${JSON.stringify(map)}</script>`;
    writeFileSync(join(root, 'index.html'), PAGE.replace('<script', `${head}<script`));
    writeFileSync(join(root, 'main.js'), SCRIPT);
    assert.deepEqual(await served(root, outcomeAt, {}, ISOLATED), EXPECTED_ISOLATED);
  } finally {
    await cdn.close();
  }
});

for (const readme of ['README.md', 'pkg/README.md']) {
  test(`the example of ${readme} runs as pasted into an empty folder`, async () => {
    const text = readFileSync(join(ROOT, readme), 'utf8');
    const [, example] = /```html\n(<!doctype html>[\s\S]*?)```/.exec(text) ?? [];
    assert.ok(example, 'there is no whole page in it');
    const [, path] = /target: '\.?(\/[^']+\.gguf)'/.exec(example) ?? [];
    assert.ok(path, 'it names no model');
    const root = app(readme.replace('/', '-'), { 'index.html': example });
    await build({ root, logLevel: 'warn', configFile: false });
    assert.ok(existsSync(join(root, 'dist/index.html')));
    await served(
      join(root, 'dist'),
      async url => {
        const page = await browser.newPage();
        verbose(page);
        await page.goto(url);
        const said = () => document.body.innerText.trim();
        await page.waitForFunction(() => document.body.innerText.trim().length > 60, null, {
          timeout: 60_000,
        });
        assert.match(await page.evaluate(said), /[a-z]{3}/);
        await page.close();
      },
      { [path]: MODEL },
    );
  });
}
