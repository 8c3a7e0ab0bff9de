// The page that measures: every way to decode, a table, a plot, and figures to copy; driven by hand and by its address.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer } from 'vite';
import { checkAccess, DRAFT, keepPicture, photograph, TARGET, visit } from './demo-page.mjs';
import { launch, ROOT } from './harness.mjs';
import { tinyModels } from './models.mjs';

const WAYS = ['plain', 'default', 'ngram 2', 'model 1', 'model 4', 'ngram+model auto'];

let folder;
let browser;

before(async () => {
  folder = tinyModels();
  browser = await launch();
});

after(() => browser?.close());

/** A visit of the page with the small models beside it; what it posts comes back as `posted`. */
async function bench(t, query = '', options = {}) {
  const posted = [];
  const site = await visit(browser, {
    mounts: { [TARGET]: join(folder, 'target.gguf'), [DRAFT]: join(folder, 'draft.gguf') },
    routes: {
      '/result': async (request, response) => {
        const parts = await request.toArray();
        posted.push(JSON.parse(Buffer.concat(parts).toString()));
        response.writeHead(200).end();
      },
    },
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
    ...options,
  });
  t.after(() => site.close());
  return { ...site, posted, page: await site.open(`/bench.html?${query}`) };
}

async function loadFor(page, device) {
  await page.check(`input[name=device][value=${device}]`, { force: true });
  await page.click('#load');
  await page.waitForSelector('#measure:visible', { timeout: 60_000 });
}

/** Measures until it is done. */
async function measure(page, { tokens, rounds }) {
  await page.fill('#tokens', `${tokens}`);
  await page.fill('#rounds', `${rounds}`);
  await page.click('#measure');
  await page.waitForSelector('#stop:visible');
  await page.waitForSelector('#measure:visible', { timeout: 240_000 });
}

/** The cells of a table, by the heads of their columns. */
const cells = (page, table) =>
  page
    .locator(`${table} tbody tr`)
    .evaluateAll(rows =>
      rows.map(row => Object.fromEntries([...row.children].map(cell => [cell.dataset.of, cell.textContent]))),
    );

for (const device of ['cpu', 'webgpu']) {
  test(`on the ${device} device all ways are measured, shown, and can be copied`, async t => {
    const { page, problems } = await bench(t, `only=${encodeURIComponent(WAYS)}`);
    await loadFor(page, device);
    assert.match(await page.textContent('#machine'), device === 'cpu' ? /^CPU · / : /^WebGPU in software · /);
    await measure(page, { tokens: 16, rounds: 2 });
    assert.equal(await page.textContent('.measuring .problem p'), '');

    const rows = await cells(page, '#rows');
    const names = rows.map(({ Drafter, Gamma }) => [Drafter, Gamma].filter(Boolean).join(' '));
    assert.deepEqual(names, WAYS);
    for (const row of rows) {
      assert.match(row.Speed, /^\d+\.\d\d×$/);
      assert.ok(Number(row['Tokens/s']) > 0 && Number(row['Round ms']) > 0, JSON.stringify(row));
      assert.equal(row.Text, 'same');
    }
    assert.equal(rows[0].Speed, '1.00×');
    assert.equal(rows[0]['Tokens a pass'], '1.00');
    assert.ok(Number(rows[4]['Tokens a pass']) > 1.5, 'the draft model is of use');
    const readings = await cells(page, '#readings');
    assert.equal(readings.length, 2, 'the longest has no room here');
    assert.ok(readings.every(row => Number(row['Tokens/s']) > 0));
    assert.ok(Math.abs(Number(readings[1]['Prompt tokens']) - 256) < 26, JSON.stringify(readings));
    assert.match(await page.textContent('#facts'), /Wasm memory[\d.]+ MB/);

    // The plot has curves, and says in words what it shows.
    const label = await page.getAttribute('#results .plot-canvas', 'aria-label');
    assert.match(label, /Speed over plain.*is the fastest, with \d+\.\d\d times/);
    const inked = await page.evaluate(() => {
      const canvas = document.querySelector('#results .plot canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some(value => value !== 0);
    });
    assert.ok(inked);
    await photograph(page, `bench-${device}`);

    await page.click('#copy-json');
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    const report = JSON.parse(await clipboard());
    assert.equal(report.engine.device, device);
    assert.deepEqual(report.extent, { tokens: 16, rounds: 2 });
    assert.equal(report.stopped, false);
    assert.deepEqual(
      report.rows.map(({ name, runs, same }) => [name, runs, same]),
      WAYS.map(name => [name, 2, true]),
    );
    for (const [i, { tokensPerPass, speed }] of report.rows.entries()) {
      assert.equal(tokensPerPass.toFixed(2), rows[i]['Tokens a pass']);
      assert.equal(`${speed.mean.toFixed(2)}×`, rows[i].Speed);
      assert.ok(speed.least <= speed.mean && speed.mean <= speed.most);
    }
    assert.ok(report.memory.wasm > 0 && report.loadMs > 0);

    await page.click('#copy-markdown');
    const markdown = await clipboard();
    assert.match(markdown, /^- Paceline \d+\.\d+\.\d+, \d{4}-\d\d-\d\d\n/);
    assert.ok(
      markdown.includes(`| ngram+model | auto | ${rows[5]['Tokens/s']} | ${rows[5].Speed} |`),
      markdown,
    );
    assert.deepEqual(problems, []);
  });
}

test('is stopped with what there is, measures again, and says what goes wrong', async t => {
  const { page, problems } = await bench(t, 'tokens=24&rounds=30');
  await photograph(page, 'bench-setup');
  const buffer = Buffer.from('Dear diary, today I rode');
  await page.setInputFiles('#target-file', { name: 'notes.gguf', mimeType: 'text/plain', buffer });
  await page.click('#load');
  await page.waitForSelector('.start .problem:visible');
  assert.match(await page.textContent('.start .problem'), /not a GGUF file/i);
  await page.selectOption('#target', { index: 1 });

  await loadFor(page, 'cpu');
  assert.equal(await page.inputValue('#rounds'), '30');
  await page.focus('#measure');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#rows tbody tr >> nth=3');
  assert.match(await page.textContent('#step'), /^Round \d+ of 30: /);
  await checkAccess(page, 'bench running');
  await keepPicture(page, 'bench-running-desktop-light');
  await page.keyboard.press('Enter'); // The focus has moved to Stop.
  await page.waitForSelector('#measure:visible');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'measure');
  assert.match(await page.textContent('#summary'), /tokens a second.*stopped before the end/);
  assert.ok((await cells(page, '#rows')).length >= 4);
  await page.click('#copy-json');
  assert.equal(JSON.parse(await page.textContent('#copied')).stopped, true);

  await measure(page, { tokens: 8, rounds: 1 });
  assert.doesNotMatch(await page.textContent('#summary'), /stopped/);

  await page.evaluate(() => navigator.storage.getDirectory()); // The page is alive.
  await page.click('#unload');
  assert.equal(await page.isVisible('#measure'), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'load');
  assert.deepEqual(problems, []);
});

describe('driven by its address', () => {
  const models = `target=.${TARGET}&draft=.${DRAFT}&device=cpu`;

  test('it loads, measures, and posts its report', async t => {
    const { page, posted, problems } = await bench(
      t,
      `${models}&tokens=8&rounds=1&only=plain,model+2&start&post=result`,
    );
    await page.waitForSelector('#results:visible', { timeout: 60_000 });
    await page.waitForSelector('#measure:visible', { timeout: 60_000 });
    await page.waitForFunction(
      () => performance.getEntriesByName(new URL('result', location).href).length > 0,
    );
    assert.equal(posted.length, 1);
    assert.equal(posted[0].event, 'end');
    assert.deepEqual(
      posted[0].rows.map(({ name, runs }) => [name, runs]),
      [
        ['plain', 1],
        ['model 2', 1],
      ],
    );
    assert.deepEqual(problems, []);
  });

  test('it shows and posts what goes wrong', async t => {
    const { page, posted } = await bench(t, 'target=./models/none.gguf&start&post=result');
    await page.waitForSelector('.problem:visible');
    const words = await page.textContent('.problem:visible p');
    assert.match(words, /404/);
    await page.waitForFunction(
      () => performance.getEntriesByName(new URL('result', location).href).length > 0,
    );
    assert.deepEqual(posted, [{ event: 'error', message: words }]);
  });
});

test('works with the server gone', async t => {
  const site = await visit(browser, {
    mounts: { [TARGET]: join(folder, 'target.gguf'), [DRAFT]: join(folder, 'draft.gguf') },
  });
  t.after(() => site.context.close());
  const page = await site.open('/bench.html');
  await loadFor(page, 'cpu');
  await page.waitForSelector('[data-offline]');
  await site.server.close();
  await page.goto('about:blank');
  await page.goto(`${site.url}/bench.html?only=plain,model+1`);
  await page.waitForSelector('[data-ready]');
  await loadFor(page, 'cpu');
  await measure(page, { tokens: 8, rounds: 1 });
  assert.equal((await cells(page, '#rows')).length, 2);
  assert.deepEqual(site.problems, []);
});

describe('figures', () => {
  let vite;
  let page;

  before(async () => {
    vite = await createServer({
      root: join(ROOT, 'www'),
      logLevel: 'error',
      appType: 'custom',
      server: { middlewareMode: true, ws: false },
    });
    page = {
      ...(await vite.ssrLoadModule('/src/bench/rows.ts')),
      ...(await vite.ssrLoadModule('/src/bench/plan.ts')),
      ...(await vite.ssrLoadModule('/src/bench/query.ts')),
    };
  });

  after(() => vite?.close());

  const info = { maxGamma: 3, capacity: 400, draft: undefined, drafters: [] };
  const stats = (tokensPerSecond, more = {}) => ({
    ...{ tokensPerSecond, tokens: 10, rounds: 5, targetPasses: 5, tested: 0, accepted: 0 },
    ...{ decodeMs: 50, draftMs: 5, verifyMs: 40, hostMs: 1, ...more },
  });

  test('are of the same round, and tell a text that differs', () => {
    const [plain, other] = [page.PLAIN_WAY, { name: 'x 2', drafter: 'x', gamma: 2, options: {} }];
    const samples = [
      { way: other, round: 0, same: true, stats: stats(40, { tested: 4, accepted: 3 }) },
      { way: plain, round: 0, same: true, stats: stats(20) },
      { way: plain, round: 1, same: true, stats: stats(10) },
      { way: other, round: 1, same: false, stats: stats(5, { rounds: 10, targetPasses: 10 }) },
      { way: other, round: 2, stats: stats(1000) },
    ];
    const [first, second] = page.rowsOf([plain, other, { name: 'never run' }], { samples, readings: [] });
    assert.deepEqual([first.tokensPerSecond, first.speed.mean, first.same], [15, 1, true]);
    assert.equal(first.accepted, undefined);
    assert.equal(second.tokensPerSecond, 40);
    const close = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-9, `${value}`);
    close(second.speed.mean, 1);
    assert.deepEqual([second.speed.least, second.speed.most], [0.5, 2]);
    assert.deepEqual([second.runs, second.same, second.accepted], [3, false, 0.75]);
    close(second.tokensPerPass, 30 / 20);
    close(second.roundMs, 150 / 20);
    assert.equal(page.rowsOf([plain, other], { samples: samples.slice(0, 1), readings: [] }).length, 1);
  });

  test('of readings are medians of texts about as long', () => {
    const readings = [
      { tokens: 250, ms: 100 },
      { tokens: 60, ms: 30 },
      { tokens: 262, ms: 300 },
      { tokens: 258, ms: 120 },
    ];
    const rows = page.readingRows(readings);
    assert.deepEqual(rows, [
      { tokens: 60, ms: 30, tokensPerSecond: 2000 },
      { tokens: 258, ms: 120, tokensPerSecond: 2150 },
    ]);
  });

  test('are of all that an engine can do, and of nothing else', () => {
    const drafters = [
      { name: 'none', about: '', needsDraft: false },
      { name: 'ngram', about: '', needsDraft: false },
      { name: 'model', about: '', needsDraft: true },
    ];
    const names = draft => page.waysOf({ ...info, drafters, draft }).map(({ name }) => name);
    const of = name => [1, 2, 3, 'auto'].map(gamma => `${name} ${gamma}`);
    assert.deepEqual(names(undefined), ['plain', 'default', ...of('ngram')]);
    const all = ['plain', 'default', ...of('ngram'), ...of('model'), ...of('ngram+model')];
    assert.deepEqual(names({}), all);
    assert.deepEqual(page.readingsOf(info), [64, 256]);
    const words = page.textOf(42, 3).split(' ').slice(1);
    assert.equal(new Set(words).size, 21);
    assert.notEqual(words[0], page.textOf(42, 4).split(' ')[1]);
  });

  test('go to no other site', () => {
    const read = search => page.readQuery(new URL(`http://here.example/folder/bench.html${search}`));
    assert.equal(read('?post=result').post.href, 'http://here.example/folder/result');
    assert.equal(read('?post=https://elsewhere.example/result').post, undefined);
    assert.equal(read('').post, undefined);
    assert.deepEqual(read('?tokens=12&rounds=x').extent, { tokens: 12 });
  });
});
