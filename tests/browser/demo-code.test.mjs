// The demo page's program of the current settings: it compiles in strict TypeScript, and does what the page does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { transformWithOxc } from 'vite';
import { ask, DRAFT, goTo, load, TARGET, visit } from './demo-page.mjs';
import { launch, PACKAGE, ROOT } from './harness.mjs';
import { tinyModels } from './models.mjs';

const PROMPT = 'Why is the sky blue?';

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

test('the program compiles, and writes the text that the page writes', async t => {
  const site = await visit(browser, {
    mounts: {
      [TARGET]: join(folder, 'target.gguf'),
      [DRAFT]: join(folder, 'draft.gguf'),
      '/paceline': PACKAGE,
    },
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  t.after(() => site.close());
  const page = await site.open();
  const programs = [];
  /** Keeps the program of the moment, and what the page itself makes of the settings. */
  const keep = async () => {
    const program = await page.textContent('#code pre code');
    await goTo(page, 'chat');
    await page.click('#new-chat');
    await ask(page, PROMPT);
    programs.push({ program, text: await page.textContent('.bubble.assistant') });
  };

  await load(page);
  await page.click('#code summary');
  await page.fill('#max-tokens', '20');
  await keep();
  await page.uncheck('#gamma-auto');
  await page.fill('#gamma', '3');
  await page.check('input[name=drafter][value=model]', { force: true });
  await page.fill('#temperature', '0.8');
  await page.fill('#top-p', '0.9');
  await page.check('input[name=verify][value=token]', { force: true });
  await page.click('.more summary');
  await page.fill('#min-p', '0.01');
  await page.fill('#repeat-penalty', '1.1');
  await page.fill('#top-k', '50');
  await page.fill('#seed', '11');
  await keep();
  assert.match(programs[1].program, /verify: 'token'[^]*seed: 11/);

  // Copied as it stands.
  await page.click('#code button');
  await page.waitForFunction(() => document.querySelector('#code button').textContent === 'Copied');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), programs[1].program);

  // A picked file, without a draft and without a chat template.
  await goTo(page, 'models');
  await page.setInputFiles('#target-file', join(folder, 'plain.gguf'));
  await page.selectOption('#draft', '');
  await load(page);
  await page.fill('#temperature', '0');
  await keep();
  assert.match(programs[2].program, /engine\.generate\('/);

  compile(
    t,
    programs.map(({ program }) => program),
  );
  for (const [i, { program, text }] of programs.slice(0, 2).entries()) {
    assert.equal(await runInPage(site, program), text, `program ${i}`);
  }
  assert.deepEqual(site.problems, []);
});

/** Checks programs with the package's own types. */
function compile(t, programs) {
  const place = mkdtempSync(join(ROOT, 'artifacts/program-'));
  t.after(() => rmSync(place, { recursive: true }));
  const options = {
    target: 'ES2022',
    module: 'ESNext',
    moduleResolution: 'Bundler',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    types: [],
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(
    join(place, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
  );
  programs.forEach((program, i) => writeFileSync(join(place, `program${i}.ts`), program));
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', place], { encoding: 'utf8' });
  } catch ({ stdout }) {
    assert.fail(`${stdout}\n${programs.join('\n')}`);
  }
}

/** Runs a program on an empty page of the site, and gives the text that it writes at its end. */
async function runInPage(site, program) {
  const { code } = await transformWithOxc(program, 'program.ts');
  const page = await site.context.newPage();
  const written = [];
  page.on('console', message => written.push(message.args()));
  await page.goto(`${site.url}/models/`);
  await page.evaluate(base => {
    document.head.append(Object.assign(document.createElement('base'), { href: base }));
  }, `${site.url}/`);
  await page.evaluate(
    async source => {
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      await import(url);
    },
    code
      .replace("'paceline'", `'${site.url}/paceline/index.js'`)
      .replace('"paceline"', `"${site.url}/paceline/index.js"`),
  );
  const text = await written.at(-1)?.[0]?.jsonValue();
  await page.close();
  return text;
}
