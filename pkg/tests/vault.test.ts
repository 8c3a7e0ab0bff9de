import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CacheShelf } from '../src/store/cache.js';
import { BLOCK, hash } from '../src/store/digest.js';
import { nameOf } from '../src/store/names.js';
import { Vault } from '../src/store/vault.js';
import { MemoryCatalogue, MemoryShelf, queueLocks } from './fake-store.js';

const URL_ = 'https://example.org/models/model.gguf';
/** Bytes that do not repeat soon. */
const data = Uint8Array.from({ length: 2 * BLOCK + 1000 }, (_, i) => (i * 2654435761) >>> 24);

/** Whether these are the bytes of `data`. Comparing them one by one takes the test runner a minute. */
const same = async (blob: Blob) =>
  (await hash(new Uint8Array(await blob.arrayBuffer()))) === (await hash(data));

/** What the server has, and how it behaves. */
let server: {
  bytes: Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
  ranges: boolean;
  breakAt: number;
  requests: Record<string, string>[];
};
let shelf: MemoryShelf;
let catalogue: MemoryCatalogue;
let vault: Vault;

beforeEach(() => {
  server = { bytes: data, headers: { etag: '"1"' }, ranges: true, breakAt: Infinity, requests: [] };
  shelf = new MemoryShelf();
  catalogue = new MemoryCatalogue();
  vault = new Vault({ shelf, catalogue, locks: queueLocks() });
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    server.requests.push(headers);
    const first = Number(/^bytes=(\d+)-$/.exec(headers.Range ?? '')?.[1] ?? 0);
    if (server.ranges && first >= server.bytes.length) {
      return new Response('', { status: 416 });
    }
    const partial = server.ranges && headers.Range !== undefined;
    const bytes = partial ? server.bytes.subarray(first) : server.bytes;
    let at = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (at >= server.breakAt) {
          controller.error(new TypeError('network error'));
        } else if (at >= bytes.length) {
          controller.close();
        } else {
          controller.enqueue(bytes.slice(at, (at += 100_000)));
        }
      },
    });
    const range = `bytes ${first}-${server.bytes.length - 1}/${server.bytes.length}`;
    return new Response(body, {
      status: partial ? 206 : 200,
      headers: {
        ...server.headers,
        'content-length': String(bytes.length),
        ...(partial && { 'content-range': range }),
      },
    });
  });
});

afterEach(() => vi.unstubAllGlobals());

/** A download that breaks off somewhere in the middle. */
async function begin(at = 1_000_000) {
  server.breakAt = at;
  await expect(vault.download(URL_)).rejects.toMatchObject({ code: 'source-io' });
  server.breakAt = Infinity;
  server.requests.length = 0;
}

const ranges = () => server.requests.map(headers => headers.Range);

describe('a download', () => {
  test('is whole, and has its checksum and those of its blocks', async () => {
    const model = await vault.download(URL_);
    expect(model).toMatchObject({ name: 'model.gguf', url: URL_, complete: true, sha256: await hash(data) });
    const blocks = await Promise.all([0, 1, 2].map(i => hash(data.subarray(i * BLOCK, (i + 1) * BLOCK))));
    expect(catalogue.entries.get('model.gguf')?.blocks).toEqual(blocks);
    expect(await same(await vault.get('model.gguf'))).toBe(true);
  });

  test('goes on where it broke off', async () => {
    await begin();
    expect(await vault.list()).toMatchObject([{ bytes: 1_000_000, total: data.length, complete: false }]);
    expect((await vault.download(URL_)).sha256).toBe(await hash(data));
    expect(ranges()).toEqual(['bytes=1000000-']);
  });

  test('goes on by date where the server has no tags', async () => {
    server.headers = { 'last-modified': 'Tue, 24 Nov 2026 10:00:00 GMT' };
    await begin();
    await vault.download(URL_);
    expect(ranges()).toEqual(['bytes=1000000-']);
  });

  test.each([
    ['has another tag', () => (server.headers = { etag: '"2"' })],
    ['knows no ranges', () => (server.ranges = false)],
    ['has a shorter file', () => (server.bytes = data.slice(0, 500_000))],
  ])('begins anew where the server %s, and never mixes two files', async (_, change) => {
    await begin();
    server.bytes = server.bytes.map(byte => byte ^ 1);
    change();
    expect((await vault.download(URL_)).sha256).toBe(await hash(server.bytes));
  });

  test('begins anew where nothing tells versions apart', async () => {
    server.headers = {};
    await begin();
    await vault.download(URL_);
    expect(ranges()).toEqual([undefined]);
    await vault.delete('model.gguf');
    server.headers = { etag: 'W/"weak"' };
    await begin();
    await vault.download(URL_);
    expect(ranges()).toEqual([undefined]);
  });

  test('where all bytes were there already asks, and is whole', async () => {
    await begin(data.length + 99_999 - (data.length % 100_000));
    const { bytes } = (await vault.list())[0] ?? { bytes: 0 };
    expect(bytes).toBe(data.length);
    expect((await vault.download(URL_)).sha256).toBe(await hash(data));
  });

  test('is done again for another address under the same name, and where it is forced', async () => {
    await vault.download(URL_, { name: 'm' });
    await vault.download(URL_, { name: 'm' });
    expect(server.requests).toHaveLength(1);
    await vault.download(`${URL_}?other`, { name: 'm' });
    expect(server.requests).toHaveLength(2);
    await vault.download(`${URL_}?third`, { name: 'm', sha256: await hash(data) });
    expect(server.requests).toHaveLength(2);
    await vault.download(`${URL_}?other`, { name: 'm', force: true });
    expect(server.requests).toHaveLength(3);
  });

  test('that does not fit leaves nothing', async () => {
    shelf.room = 3_000_000;
    await expect(vault.download(URL_)).rejects.toMatchObject({ code: 'store-full' });
    expect(shelf.files.size).toBe(0);
    expect(catalogue.entries.size).toBe(0);
  });

  test('of the wrong checksum leaves nothing', async () => {
    const download = vault.download(URL_, { sha256: 'f'.repeat(64) });
    await expect(download).rejects.toMatchObject({ code: 'store-checksum' });
    expect(shelf.files.size).toBe(0);
    expect(await vault.list()).toEqual([]);
  });

  test('twice at once is one', async () => {
    const models = await Promise.all([vault.download(URL_), vault.download(URL_)]);
    expect(models[0].sha256).toBe(models[1].sha256);
    expect(server.requests).toHaveLength(1);
  });

  test('tells how far it is, and is paused by an abort', async () => {
    const pause = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ loaded }: { loaded: number }) => {
      seen.push(loaded);
      pause.abort();
    };
    const download = vault.download(URL_, { onProgress, signal: pause.signal });
    await expect(download).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([100_000]);
    expect(await vault.list()).toMatchObject([{ complete: false, bytes: 100_000 }]);
  });

  test.each(['', '.', '..', 'x'.repeat(300), 5 as never])('cannot be called %j', async name => {
    await expect(vault.download(URL_, { name })).rejects.toMatchObject({ code: 'store-name' });
  });
});

describe('a stored model', () => {
  const read = async () =>
    vault.reading('model.gguf', undefined, async ([file]) => {
      const blob = await new Response(file?.open(0)).blob();
      expect(blob.size).toBe(file?.size);
      return same(blob);
    });

  test('is read as it was stored', async () => {
    await vault.download(URL_);
    expect(await read()).toBe(true);
  });

  test.each([0, BLOCK, data.length - 1])('that changed at byte %d is found out', async at => {
    await vault.download(URL_);
    const bytes = shelf.files.get('model.gguf') ?? new Uint8Array();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await expect(read()).rejects.toMatchObject({ code: 'store-corrupt' });
    expect(await vault.verify('model.gguf')).toBe(false);
  });

  test('that is too short is found out, listed as incomplete, and fetched again', async () => {
    await vault.download(URL_);
    shelf.files.set('model.gguf', data.slice(0, 1000));
    await expect(vault.get('model.gguf')).rejects.toMatchObject({ code: 'store-corrupt' });
    expect(await vault.list()).toMatchObject([{ complete: false }]);
    await vault.download(URL_);
    expect(await read()).toBe(true);
  });

  test('whose file is gone is missing', async () => {
    await vault.download(URL_);
    shelf.files.clear();
    await expect(vault.get('model.gguf')).rejects.toMatchObject({ code: 'store-missing' });
    await expect(vault.get('never')).rejects.toMatchObject({ code: 'store-missing' });
  });

  test('may be empty', async () => {
    await vault.import('nothing', { stream: new Blob([]).stream(), size: 0 });
    expect((await vault.get('nothing')).size).toBe(0);
  });
});

test('names are those of files, and no two models share one', () => {
  const taken = new Set(['m.gguf']);
  const name = (...urls: string[]) => nameOf(urls, taken);
  const other = name('https://b/m.gguf');
  expect(other).toMatch(/^m\.gguf~[0-9a-f]{8}$/);
  taken.add(other);
  expect(name('https://b/m.gguf')).toMatch(/^m\.gguf~[0-9a-f]{8}$/);
  expect(name('https://b/m.gguf')).not.toBe(other);
  expect(name('https://b/a%20b.gguf?download=1')).toBe('a b.gguf');
  expect(name('https://b/')).toBe('model');
  expect(name('https://b/s-00001-of-00002.gguf')).toBe('s-00001-of-00002.gguf');
  expect(name('https://b/s-00001-of-00002.gguf', 'https://b/s-00002-of-00002.gguf')).toBe('s.gguf');
});

describe('the Cache API as a shelf', () => {
  const cached = new Map<string, Response>();
  const fake = {
    keys: async () => [...cached.keys()].map(url => ({ url })),
    match: async (url: string) => cached.get(url)?.clone(),
    put: async (url: string, response: Response) => void cached.set(url, response),
    delete: async (url: string) => cached.delete(url),
  };

  test('keeps every byte that came, in segments', async () => {
    cached.clear();
    vi.stubGlobal('caches', { open: async () => fake });
    const parts = { catalogue, locks: queueLocks(), shelf: await CacheShelf.open('test') };
    const vault = new Vault(parts);
    server.breakAt = 5_000_000;
    await expect(vault.download(URL_)).rejects.toMatchObject({ code: 'source-io' });
    expect(await vault.list()).toMatchObject([{ bytes: 5_000_000 }]);
    server.breakAt = Infinity;
    const model = await vault.download(URL_);
    expect(model.sha256).toBe(await hash(data));
    expect(server.requests.at(-1)?.Range).toBe('bytes=5000000-');
    expect(cached.size).toBeGreaterThan(2);
    expect(await same(await vault.get('model.gguf'))).toBe(true);
    await vault.delete('model.gguf');
    expect(cached.size).toBe(0);
  });
});
