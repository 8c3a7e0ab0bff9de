// The model store in headless Chromium: what stays, what is fetched again, and what two tabs do to one another.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { OLD, start } from './harness.mjs';
import { tinyModels } from './models.mjs';
import { ranged } from './ranged.mjs';

const MIB = 1 << 20;
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

const data = randomBytes(10 * MIB + 12345);
const folder = tinyModels();
const target = readFileSync(join(folder, 'target.gguf'));
const draft = readFileSync(join(folder, 'draft.gguf'));

let session;
let context;
let page;
/** What the server has; new for each test. */
let files;

/** What a page has besides the package. */
async function prepare() {
  window.store = await paceline.ModelStore.open();
  /** SHA-256 of a blob in hexadecimal, by the browser. */
  window.hashOf = async blob => {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
    return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('');
  };
}

/** A page of the test's own site, with the package. */
const open = () => session.open(prepare, context);

before(async () => {
  const names = ['data.bin', 'target.gguf', 'draft.gguf', 'other/target.gguf'];
  const routes = Object.fromEntries(
    names.map(name => [`/${name}`, (request, response) => files[name].route(request, response)]),
  );
  routes['/text.gguf'] = (_, response) => response.writeHead(200).end('This is a text, not a model.');
  session = await start({ routes: { ...routes, ...OLD.routes }, mounts: OLD.mounts });
});

after(() => session?.stop());

beforeEach(async () => {
  files = {
    'data.bin': ranged(data),
    'target.gguf': ranged(target),
    'draft.gguf': ranged(draft),
    'other/target.gguf': ranged(draft),
  };
  context = await session.browser.newContext();
  page = await open();
});

afterEach(() => context.close());

describe('a download', () => {
  test('is stored with its checksum, listed, read, verified and deleted', async () => {
    const outcome = await page.evaluate(async () => {
      const progress = [];
      const model = await store.download('/data.bin', { onProgress: p => progress.push(p) });
      const again = await store.download('/data.bin');
      const list = await store.list();
      const hash = await hashOf(await store.get('data.bin'));
      const valid = await store.verify('data.bin');
      const usage = await store.usage();
      await store.delete('data.bin');
      const missing = await rejection(store.get('data.bin'));
      return { progress, model, again, list, hash, valid, usage, missing, left: await store.list() };
    });
    const { progress, model, list, usage } = outcome;
    assert.deepEqual(progress.at(-1), { loaded: data.length, total: data.length });
    assert.equal(model.name, 'data.bin');
    assert.equal(model.url, `${session.url}/data.bin`);
    assert.equal(model.bytes, data.length);
    assert.equal(model.total, data.length);
    assert.equal(model.complete, true);
    assert.equal(model.sha256, sha256(data));
    assert.equal(outcome.hash, sha256(data));
    assert.equal(outcome.valid, true);
    assert.deepEqual(files['data.bin'].asked, [''], 'what is there is not fetched again');
    assert.equal(outcome.again.sha256, model.sha256);
    assert.equal(list.length, 1);
    assert.equal(usage.backend, 'opfs');
    assert.ok(usage.usage >= data.length && usage.quota > usage.usage);
    assert.equal(outcome.missing.code, 'store-missing');
    assert.deepEqual(outcome.left, []);
  });

  test('that is paused goes on at the byte where it stopped, after a reload too', async () => {
    files['data.bin'].pace = 10;
    const { error, part, incomplete } = await page.evaluate(async () => {
      const pause = new AbortController();
      const onProgress = ({ loaded }) => loaded > 2e6 && pause.abort();
      const error = await rejection(store.download('/data.bin', { onProgress, signal: pause.signal }));
      return {
        error,
        part: (await store.list())[0],
        incomplete: await rejection(store.get('data.bin')),
      };
    });
    assert.equal(error.name, 'AbortError');
    assert.equal(part.complete, false);
    assert.ok(part.bytes > 2e6 && part.bytes < data.length, `${part.bytes}`);
    assert.equal(incomplete.code, 'store-incomplete');

    await page.close();
    page = await open();
    files['data.bin'].pace = 0;
    files['data.bin'].sent = 0;
    const model = await page.evaluate(() => store.download('/data.bin'));
    assert.deepEqual(files['data.bin'].asked, ['', `bytes=${part.bytes}-`]);
    assert.equal(files['data.bin'].sent, data.length - part.bytes);
    assert.equal(model.sha256, sha256(data));
  });

  test('whose tab is closed goes on where it stopped', async () => {
    files['data.bin'].pace = 10;
    await page.evaluate(async () => {
      await new Promise(resolve => {
        store.download('/data.bin', { onProgress: ({ loaded }) => loaded > 1e6 && resolve() });
      });
    });
    await page.close();
    page = await open();
    files['data.bin'].pace = 0;
    const model = await page.evaluate(() => store.download('/data.bin'));
    const at = Number(/^bytes=(\d+)-$/.exec(files['data.bin'].asked[1])?.[1]);
    assert.ok(at > 1e6, `${files['data.bin'].asked}`);
    assert.equal(model.sha256, sha256(data));
  });

  test('that breaks off says so, and goes on', async () => {
    files['data.bin'].dropAfter = 3 * MIB;
    const error = await page.evaluate(() => rejection(store.download('/data.bin')));
    assert.equal(error.code, 'source-io');
    files['data.bin'].dropAfter = Infinity;
    const model = await page.evaluate(() => store.download('/data.bin'));
    assert.match(files['data.bin'].asked[1], /^bytes=[1-9]\d*-$/);
    assert.equal(model.sha256, sha256(data));
  });

  test('of a file that has changed meanwhile begins anew', async () => {
    files['data.bin'].dropAfter = 3 * MIB;
    await page.evaluate(() => rejection(store.download('/data.bin')));
    const changed = Buffer.from(data);
    changed[5] ^= 1;
    Object.assign(files['data.bin'], { bytes: changed, etag: '"2"', dropAfter: Infinity });
    const model = await page.evaluate(() => store.download('/data.bin'));
    assert.equal(model.sha256, sha256(changed));
  });

  test('with another checksum than promised is an error and leaves nothing', async () => {
    const { error, list, model } = await page.evaluate(async sha256 => {
      const error = await rejection(store.download('/data.bin', { sha256: '0'.repeat(64) }));
      const list = await store.list();
      return { error, list, model: await store.download('/data.bin', { sha256: sha256.toUpperCase() }) };
    }, sha256(data));
    assert.equal(error.code, 'store-checksum');
    assert.deepEqual(list, []);
    assert.equal(model.complete, true);
  });

  test('of nothing leaves nothing', async () => {
    const { http, network, list } = await page.evaluate(async () => ({
      http: await rejection(store.download('/missing.gguf')),
      network: await rejection(store.download('http://localhost:9/x.gguf')),
      list: await store.list(),
    }));
    assert.equal(http.code, 'source-http');
    assert.equal(network.code, 'source-network');
    assert.deepEqual(list, []);
  });

  test('of two files of one name keeps both', async () => {
    const names = await page.evaluate(async () => {
      const first = await store.download('/target.gguf');
      const second = await store.download('/other/target.gguf');
      return [first.name, second.name, (await store.download('/other/target.gguf')).name];
    });
    assert.equal(names[0], 'target.gguf');
    assert.match(names[1], /^target\.gguf~[0-9a-f]{8}$/);
    assert.equal(names[2], names[1]);
    assert.equal(files['other/target.gguf'].asked.length, 1);
  });

  test('by two tabs at once is one download, and both have the file', async () => {
    files['data.bin'].pace = 3;
    const other = await open();
    const download = tab =>
      tab.evaluate(async () => {
        const seen = [];
        const { sha256 } = await store.download('/data.bin', { onProgress: p => seen.push(p.loaded) });
        return { sha256, seen, hash: await hashOf(await store.get('data.bin')) };
      });
    const [first, second] = await Promise.all([download(page), download(other)]);
    assert.equal(first.hash, sha256(data));
    assert.equal(second.hash, sha256(data));
    assert.deepEqual(files['data.bin'].asked, ['']);
    assert.ok(first.seen.length > 0 && second.seen.length > 0, 'who waits sees progress too');
  });

  test('is taken over where the tab that had it goes', async () => {
    files['data.bin'].pace = 5;
    const other = await open();
    const begun = page.evaluate(
      () =>
        new Promise(resolve => {
          store.download('/data.bin', { onProgress: ({ loaded }) => loaded > 1e6 && resolve() });
        }),
    );
    await begun;
    const waiting = other.evaluate(() => store.download('/data.bin'));
    await page.close();
    const model = await waiting;
    assert.equal(model.sha256, sha256(data));
    assert.match(files['data.bin'].asked[1], /^bytes=[1-9]\d*-$/);
  });
});

test('files, streams and responses are imported', async () => {
  const hashes = await page.evaluate(async () => {
    const bytes = await (await fetch('/data.bin')).arrayBuffer();
    const sources = {
      blob: new Blob([bytes]),
      stream: new Blob([bytes]).stream(),
      response: await fetch('/data.bin'),
    };
    const hashes = {};
    for (const [name, source] of Object.entries(sources)) {
      hashes[name] = (await store.import(`my/${name}`, source)).sha256;
      hashes[`${name} again`] = await hashOf(await store.get(`my/${name}`));
    }
    hashes.names = (await store.list()).map(model => model.name);
    return hashes;
  });
  const { names, ...rest } = hashes;
  assert.deepEqual(new Set(Object.values(rest)), new Set([sha256(data)]));
  assert.deepEqual(names, ['my/blob', 'my/response', 'my/stream']);
});

test('a full storage is an error that says so, and nothing of the file stays', async () => {
  const cdp = await context.newCDPSession(page);
  const quota = bytes =>
    cdp.send('Storage.overrideQuotaForOrigin', { origin: session.url, quotaSize: bytes });
  await quota(4 * MIB);
  const { refused, ran, list } = await page.evaluate(async () => {
    const refused = await rejection(store.download('/data.bin'));
    // A stream's length is not known beforehand: it is full on the way.
    const body = (await fetch('/data.bin')).body;
    const ran = await rejection(store.import('stream', body));
    return { refused, ran, list: await store.list() };
  });
  assert.equal(refused.code, 'store-full');
  assert.equal(ran.code, 'store-full', ran.message);
  assert.deepEqual(list, []);
  await quota(400 * MIB);
  const model = await page.evaluate(() => store.download('/data.bin'));
  assert.equal(model.complete, true);
});

describe('a load', () => {
  test('keeps what it fetches, and the next one works without a network', async () => {
    const say = page =>
      page.evaluate(async () => {
        const progress = [];
        const engine = await paceline.Paceline.load({
          target: '/target.gguf',
          draft: '/draft.gguf',
          device: 'cpu',
          onProgress: p => progress.push(p),
        });
        const { tokenIds } = await engine.generate('the lore', { maxTokens: 12 }).result;
        const { notStored } = engine.info;
        engine.dispose();
        return {
          tokenIds,
          phases: [...new Set(progress.map(p => `${p.part} ${p.phase}`))].sort(),
          notStored,
        };
      });
    const first = await say(page);
    assert.deepEqual(first.phases, ['draft download', 'draft load', 'target download', 'target load']);
    assert.equal(first.notStored, undefined);
    for (const name of ['target.gguf', 'draft.gguf']) {
      files[name].route = (_, response) => response.destroy();
    }
    const second = await say(page);
    assert.deepEqual(second.tokenIds, first.tokenIds);
    assert.deepEqual(second.phases, ['draft load', 'target load']);
  });

  test('takes a stored model by name, from a store of its own too', async () => {
    const outcome = await page.evaluate(async () => {
      const own = await paceline.ModelStore.open({ directory: 'mine' });
      await own.download('/target.gguf', { name: 'a model' });
      const load = options => paceline.Paceline.load({ device: 'cpu', ...options });
      const engine = await load({ target: { stored: 'a model' }, cache: own });
      return {
        layers: engine.info.target.layers,
        missing: await rejection(load({ target: { stored: 'a model' } })),
        lists: [(await own.list()).length, (await store.list()).length],
      };
    });
    assert.equal(outcome.layers, 4);
    assert.equal(outcome.missing.code, 'store-missing');
    assert.deepEqual(outcome.lists, [1, 0]);
  });

  test('keeps nothing where it is told not to', async () => {
    const list = await page.evaluate(async () => {
      await paceline.Paceline.load({ target: '/target.gguf', device: 'cpu', cache: false });
      return store.list();
    });
    assert.deepEqual(list, []);
  });

  test('finds that a stored file has changed, and fetches it again', async () => {
    const damage = at =>
      page.evaluate(async at => {
        const root = await navigator.storage.getDirectory();
        const folder = await root.getDirectoryHandle('paceline-models');
        const writable = await (
          await folder.getFileHandle('target.gguf')
        ).createWritable({ keepExistingData: true });
        await (at === undefined
          ? writable.truncate(1000)
          : writable.write({ type: 'write', position: at, data: new Uint8Array([1, 2, 3, 4]) }));
        await writable.close();
      }, at);
    const say = () =>
      page.evaluate(async () => {
        const engine = await paceline.Paceline.load({ target: '/target.gguf', device: 'cpu' });
        return (await engine.generate('the lore', { maxTokens: 12 }).result).tokenIds;
      });
    const right = await say();
    await damage(Math.floor(target.length / 2));
    assert.equal(await page.evaluate(() => store.verify('target.gguf')), false);
    assert.deepEqual(await say(), right);
    assert.equal(files['target.gguf'].asked.length, 2);
    assert.equal(await page.evaluate(() => store.verify('target.gguf')), true);
    await damage(undefined);
    assert.deepEqual(await say(), right);
    assert.equal(files['target.gguf'].asked.length, 3);
  });

  test('does not keep a file that is no model', async () => {
    const { error, list } = await page.evaluate(async () => ({
      error: await rejection(paceline.Paceline.load({ target: '/text.gguf', device: 'cpu' })),
      list: await store.list(),
    }));
    assert.equal(error.code, 'gguf-magic');
    assert.deepEqual(list, []);
  });

  test('works where there is no room to keep the file, and says so', async () => {
    const cdp = await context.newCDPSession(page);
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: session.url, quotaSize: 100_000 });
    const { info, tokens, error } = await page.evaluate(async () => {
      const load = options => paceline.Paceline.load({ target: '/target.gguf', device: 'cpu', ...options });
      const engine = await load();
      const { tokenIds } = await engine.generate('the lore', { maxTokens: 4 }).result;
      return { info: engine.info, tokens: tokenIds.length, error: await rejection(load({ cache: store })) };
    });
    assert.match(info.notStored, /no room/);
    assert.ok(tokens > 0);
    assert.equal(error.code, 'store-full');
  });
});

describe('without an origin private file system', () => {
  beforeEach(() =>
    page.evaluate(async () => {
      await import('/old/no-opfs.js');
      window.paceline = await import('/old/index.js');
      window.store = await paceline.ModelStore.open();
    }),
  );

  test('the Cache API keeps models: paused, gone on with, verified, loaded and deleted', async () => {
    files['data.bin'].pace = 5;
    const { error, part, backend } = await page.evaluate(async () => {
      const pause = new AbortController();
      const onProgress = ({ loaded }) => loaded > 5e6 && pause.abort();
      const error = await rejection(store.download('/data.bin', { onProgress, signal: pause.signal }));
      return { error, part: (await store.list())[0], backend: (await store.usage()).backend };
    });
    assert.equal(backend, 'cache');
    assert.equal(error.name, 'AbortError');
    files['data.bin'].pace = 0;
    const outcome = await page.evaluate(async () => {
      const { sha256 } = await store.download('/data.bin');
      const valid = await store.verify('data.bin');
      const engine = await paceline.Paceline.load({ target: '/target.gguf', device: 'cpu' });
      const { tokenIds } = await engine.generate('the lore', { maxTokens: 4 }).result;
      await store.delete('data.bin');
      return { sha256, valid, tokens: tokenIds.length, names: (await store.list()).map(model => model.name) };
    });
    assert.equal(files['data.bin'].asked[1], `bytes=${part.bytes}-`);
    assert.equal(outcome.sha256, sha256(data));
    assert.equal(outcome.valid, true);
    assert.equal(outcome.tokens, 4);
    assert.deepEqual(outcome.names, ['target.gguf']);
  });
});
