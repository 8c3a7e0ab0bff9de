// Models that are split over several files, in headless Chromium: from addresses, files, streams and the store they say
// what the whole model says, and what is not whole is refused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { OLD, start } from './harness.mjs';
import { tinyModels } from './models.mjs';
import { ranged } from './ranged.mjs';

const folder = tinyModels();
const read = name => readFileSync(join(folder, name));
const names = (stem, count) =>
  Array.from(
    { length: count },
    (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`,
  );
/** More than a browser has connections to a host. */
const TARGET = names('split', 9);
const DRAFT = names('split-draft', 2);
const ALL = ['target.gguf', 'draft.gguf', ...TARGET, ...DRAFT];

let session;
let context;
let page;
let files;
/** Tokens of the whole model. */
let expected;

/** What a page has besides the package. */
async function prepare() {
  window.store = await paceline.ModelStore.open();
  /** What the models say, without and with the draft, and what the load told. */
  window.says = async options => {
    const progress = [];
    const onProgress = event => progress.push(event);
    const engine = await paceline.Paceline.load({ device: 'cpu', onProgress, ...options });
    const ids = [];
    for (const drafter of ['none', ...(options.draft ? ['model'] : [])]) {
      ids.push((await engine.generate('hello the world', { maxTokens: 24, drafter }).result).tokenIds);
    }
    const { notStored, target } = engine.info;
    engine.dispose();
    return { ids, progress, notStored, layers: target.layers };
  };
  window.fileOf = async name => new File([await (await fetch(`/${name}`)).blob()], name);
}

before(async () => {
  const routes = Object.fromEntries(
    ALL.map(name => [`/${name}`, (request, response) => files[name].route(request, response)]),
  );
  session = await start({ routes: { ...routes, ...OLD.routes }, mounts: OLD.mounts });
});

after(() => session?.stop());

beforeEach(async () => {
  files = Object.fromEntries(ALL.map(name => [name, ranged(read(name))]));
  context = await session.browser.newContext();
  page = await session.open(prepare, context);
  expected ??= (await page.evaluate(() => says({ target: '/target.gguf', cache: false }))).ids[0];
  assert.equal(expected.length, 24);
});

afterEach(() => context.close());

describe('a split model says the same', () => {
  test('from addresses that are not kept, more of them than connections', async () => {
    const { ids, progress } = await page.evaluate(
      ([target, draft]) => says({ target, draft, cache: false }),
      [`/${TARGET[0]}`, DRAFT.map(name => `/${name}`).reverse()],
    );
    assert.deepEqual(ids, [expected, expected]);
    const total = TARGET.reduce((sum, name) => sum + files[name].bytes.length, 0);
    const target = progress.filter(({ part }) => part === 'target');
    assert.ok(target.every(event => event.total === total && event.phase === 'load'));
    assert.ok(target.at(-1).loaded > total - 64 * TARGET.length);
  });

  test('from a server with weak tags and dates, whose files are not kept', async () => {
    const about = { etag: 'W/"1"', modified: 'Wed, 01 Jan 2025 00:00:00 GMT' };
    Object.values(files).forEach(file => Object.assign(file, about));
    const { ids } = await page.evaluate(
      ([target, draft]) => says({ target, draft, cache: false }),
      [`/${TARGET[0]}`, `/${DRAFT[0]}`],
    );
    assert.deepEqual(ids, [expected, expected]);
  });

  test('from files and streams, in any order', async () => {
    const { picked, mixed } = await page.evaluate(
      async ([target, draft]) => {
        const all = await Promise.all(target.map(fileOf));
        const small = await Promise.all(draft.map(fileOf));
        const picked = await says({ target: all.toReversed(), draft: small });
        const mixed = await says({
          target: [all[3].stream(), all[0], new Response(all[1]), ...all.slice(4), all[2].stream()],
          draft: small.map(file => file.stream()),
        });
        return { picked, mixed };
      },
      [TARGET, DRAFT],
    );
    assert.deepEqual(picked.ids, [expected, expected]);
    assert.deepEqual(mixed.ids, [expected, expected]);
  });

  test('on WebGPU', async () => {
    const { ids } = await page.evaluate(
      ([target, draft]) => says({ target, draft, device: 'webgpu' }),
      [`/${TARGET[4]}`, `/${DRAFT[0]}`],
    );
    const whole = await page.evaluate(() =>
      says({ target: '/target.gguf', draft: '/draft.gguf', device: 'webgpu' }),
    );
    assert.deepEqual(ids, whole.ids);
  });

  for (const backend of ['opfs', 'cache']) {
    test(`from the store (${backend}), without a network, as one model`, async () => {
      const outcome = await page.evaluate(
        async ([target, backend]) => {
          if (backend === 'cache') {
            delete StorageManager.prototype.getDirectory;
            paceline = await import('/old/index.js');
            store = await paceline.ModelStore.open();
          }
          const first = await says({ target, cache: store });
          const list = await store.list();
          return { first, list, backend: (await store.usage()).backend };
        },
        [`/${TARGET[2]}`, backend],
      );
      assert.equal(outcome.backend, backend);
      assert.deepEqual(outcome.first.ids, [expected]);
      assert.equal(outcome.list.length, 1);
      const [model] = outcome.list;
      const total = TARGET.reduce((sum, name) => sum + files[name].bytes.length, 0);
      assert.deepEqual(
        [model.name, model.complete, model.bytes, model.parts.map(({ name }) => name)],
        ['split.gguf', true, total, TARGET],
      );
      const downloads = outcome.first.progress.filter(({ phase }) => phase === 'download');
      assert.ok(downloads.every(event => event.total === total));
      for (const name of TARGET) {
        assert.deepEqual(files[name].asked, ['']);
        files[name].route = (_, response) => response.writeHead(500).end();
      }
      const again = await page.evaluate(async target => {
        const urls = await says({ target, cache: store });
        const stored = await says({ target: { stored: 'split.gguf' }, cache: store });
        const valid = await store.verify('split.gguf');
        await store.delete('split.gguf');
        return { ids: [...urls.ids, ...stored.ids], valid, left: await store.list() };
      }, `/${TARGET[0]}`);
      assert.deepEqual(again, { ids: [expected, expected], valid: true, left: [] });
    });
  }

  test('from the store where its files were put', async () => {
    const { model, ids } = await page.evaluate(async names => {
      const model = await store.import('mine', (await Promise.all(names.map(fileOf))).toReversed());
      return { model, ids: (await says({ target: { stored: 'mine' } })).ids };
    }, TARGET);
    assert.deepEqual(
      model.parts.map(({ name }) => name),
      TARGET.toReversed(),
    );
    assert.deepEqual(ids, [expected]);
  });

  test('where its download broke off and went on', async () => {
    files[TARGET[8]].dropAfter = 65536;
    const { error, list } = await page.evaluate(
      async target => ({ error: await rejection(store.download(target)), list: await store.list() }),
      `/${TARGET[0]}`,
    );
    assert.equal(error.code, 'source-io');
    assert.equal(list.length, 1);
    assert.equal(list[0].complete, false);
    files[TARGET[8]].dropAfter = Infinity;
    const { ids } = await page.evaluate(target => says({ target }), `/${TARGET[0]}`);
    assert.deepEqual(ids, [expected]);
    assert.deepEqual(files[TARGET[7]].asked, [''], 'what had come was not fetched again');
    assert.equal(files[TARGET[8]].asked.length, 2);
  });

  test('where the store has changed: it is fetched again', async () => {
    await page.evaluate(target => store.download(target), `/${TARGET[0]}`);
    const { ids } = await page.evaluate(async target => {
      const root = await navigator.storage.getDirectory();
      const handle = await (await root.getDirectoryHandle('paceline-models')).getFileHandle('split.gguf');
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: 300000, data: new Uint8Array([1, 2, 3]) });
      await writable.close();
      return says({ target });
    }, `/${TARGET[0]}`);
    assert.deepEqual(ids, [expected]);
    assert.equal(files[TARGET[0]].asked.length, 2);
  });
});

test('what is not all of a model is refused, and nothing of it stays', async () => {
  const { lone, missing, twice, none, list } = await page.evaluate(async names => {
    const all = await Promise.all(names.map(fileOf));
    const load = target => rejection(paceline.Paceline.load({ target, device: 'cpu' }));
    return {
      lone: await load(all[1]),
      missing: await load(all.slice(1)),
      twice: await load([...all, all[3]]),
      none: await load([]),
      list: await store.list(),
    };
  }, TARGET);
  assert.equal(lone.code, 'gguf-split');
  assert.match(lone.message, /^this is part 2 of 9 of a split model; give all 9 files: split-00001-of-00009/);
  assert.equal(missing.code, 'gguf-split');
  assert.match(missing.message, /missing: 1;/);
  assert.equal(twice.code, 'gguf-split');
  assert.match(twice.message, /both part 4 of 9/);
  assert.equal(none.code, 'source-invalid');
  assert.deepEqual(list, []);

  files[TARGET[8]].route = (_, response) => response.writeHead(404).end();
  const { kept, direct, left } = await page.evaluate(async target => {
    const load = cache => rejection(paceline.Paceline.load({ target, cache, device: 'cpu' }));
    return { kept: await load(true), direct: await load(false), left: await store.list() };
  }, `/${TARGET[0]}`);
  assert.equal(kept.code, 'source-http');
  assert.equal(direct.code, 'source-http');
  assert.match(direct.message, /split-00009-of-00009\.gguf/);
  assert.deepEqual(left, []);
});
