import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CacheShelf } from '../src/store/cache.js';
import { BLOCK, hash } from '../src/store/digest.js';
import { Vault } from '../src/store/vault.js';
import { MemoryCatalogue, MemoryShelf, queueLocks } from './fake-store.js';

const URLS = [1, 2, 3].map(i => `https://example.org/models/m-0000${i}-of-00003.gguf`);
const SIZES = [BLOCK + 1000, 300_000, 70_000];
const TOTAL = SIZES.reduce((sum, size) => sum + size, 0);

const make = (no: number, version = 0) =>
  Uint8Array.from({ length: SIZES[no] ?? 0 }, (_, i) => ((i * 2654435761) >>> 24) ^ (no + 16 * version));
const concat = async (parts: Uint8Array[]) =>
  new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());

/** What the server has, and how it behaves: `breakAt` is where in which file the connection breaks. */
let server: {
  files: Uint8Array<ArrayBuffer>[];
  etags: (string | undefined)[];
  ranges: boolean;
  head: boolean;
  headLength: string | undefined;
  lengths: boolean;
  breakAt: [no: number, at: number] | undefined;
  requests: string[];
};
let shelf: MemoryShelf;
let catalogue: MemoryCatalogue;
let vault: Vault;

beforeEach(() => {
  server = {
    files: SIZES.map((_, i) => make(i)),
    etags: ['"1"', '"2"', '"3"'],
    ranges: true,
    head: true,
    headLength: undefined,
    lengths: true,
    breakAt: undefined,
    requests: [],
  };
  shelf = new MemoryShelf();
  catalogue = new MemoryCatalogue();
  vault = new Vault({ shelf, catalogue, locks: queueLocks() });
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const no = URLS.indexOf(url);
    const bytes = server.files[no];
    if (!bytes) {
      return new Response('', { status: 404, statusText: 'Not Found' });
    }
    const headers = (init.headers ?? {}) as Record<string, string>;
    const first = server.ranges ? Number(/^bytes=(\d+)-$/.exec(headers.Range ?? '')?.[1] ?? 0) : 0;
    const etag = server.etags[no];
    const about = {
      ...(etag !== undefined && { etag }),
      ...(server.lengths && { 'content-length': String(bytes.length - first) }),
    };
    if (init.method === 'HEAD') {
      const { headLength } = server;
      const headers = { ...about, ...(headLength !== undefined && { 'content-length': headLength }) };
      return server.head ? new Response(null, { headers }) : new Response('', { status: 405 });
    }
    server.requests.push(`${no}:${first}`);
    let at = first;
    const body = new ReadableStream({
      pull(controller) {
        if (server.breakAt?.[0] === no && at >= server.breakAt[1]) {
          controller.error(new TypeError('network error'));
        } else if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, (at += 100_000)));
        } else {
          controller.close();
        }
      },
    });
    return new Response(body, { status: first > 0 ? 206 : 200, headers: about });
  });
});

afterEach(() => vi.unstubAllGlobals());

/** Whether what is stored is what the server has. */
async function isRight(): Promise<boolean> {
  const [model] = await vault.list();
  const right = await hash(await concat(server.files));
  return (
    model?.complete === true &&
    model.sha256 === right &&
    (await hash(new Uint8Array(await (await vault.get('m.gguf')).arrayBuffer()))) === right
  );
}

/** A download that breaks off. */
async function begin(no: number, at: number) {
  server.breakAt = [no, at];
  await expect(vault.download(URLS)).rejects.toMatchObject({ code: 'source-io' });
  server.breakAt = undefined;
  server.requests.length = 0;
}

describe('a split model', () => {
  test('is one model, with its files', async () => {
    const seen: (number | undefined)[] = [];
    const onProgress = ({ total }: { total?: number }) => void seen.push(total);
    const model = await vault.download(URLS, { onProgress });
    const parts = URLS.map((url, i) => ({ name: url.split('/').at(-1), url, bytes: SIZES[i] }));
    expect(model).toMatchObject({ name: 'm.gguf', url: URLS[0], bytes: TOTAL, total: TOTAL, parts });
    expect(seen.every(total => total === TOTAL)).toBe(true);
    expect(await vault.list()).toHaveLength(1);
    expect(await isRight()).toBe(true);
    expect(await vault.verify('m.gguf')).toBe(true);
    await vault.download(URLS);
    expect(server.requests).toEqual(['0:0', '1:0', '2:0']);
    await vault.delete('m.gguf');
    expect([shelf.files.size, catalogue.entries.size]).toEqual([0, 0]);
  });

  test('is read file by file, from any byte on', async () => {
    await vault.download(URLS);
    await vault.reading('m.gguf', undefined, async files => {
      expect(files.map(({ name }) => name)).toEqual(URLS.map(url => url.split('/').at(-1)));
      for (const [i, file] of files.entries()) {
        for (const at of [0, 69_999, file.size]) {
          const bytes = new Uint8Array(await new Response(file.open(at)).arrayBuffer());
          expect(await hash(bytes)).toBe(await hash(make(i).slice(at)));
        }
      }
    });
  });

  test.each([0, BLOCK + 500, TOTAL - 1])('that changed at byte %d is found out', async at => {
    await vault.download(URLS);
    const bytes = shelf.files.get('m.gguf') ?? new Uint8Array();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const read = vault.reading('m.gguf', undefined, async files => {
      for (const file of files) {
        await new Response(file.open(0)).blob();
      }
    });
    await expect(read).rejects.toMatchObject({ code: 'store-corrupt' });
    expect(await vault.verify('m.gguf')).toBe(false);
  });

  test('is imported from files', async () => {
    const files = server.files.map((bytes, i) => {
      const blob = new Blob([bytes]);
      return { stream: blob.stream(), size: i === 1 ? undefined : blob.size, name: `part ${i}` };
    });
    const model = await vault.import('m.gguf', files);
    expect(model.parts).toEqual(SIZES.map((bytes, i) => ({ name: `part ${i}`, bytes })));
    expect(await isRight()).toBe(true);
  });
});

describe('its download', () => {
  test('goes on in the file where it broke off', async () => {
    await begin(1, 100_000);
    const have = (SIZES[0] ?? 0) + 100_000;
    expect(await vault.list()).toMatchObject([
      { name: 'm.gguf', bytes: have, total: TOTAL, complete: false },
    ]);
    await expect(vault.get('m.gguf')).rejects.toMatchObject({ code: 'store-incomplete' });
    await vault.download(URLS);
    expect(server.requests).toEqual(['1:100000', '2:0']);
    expect(await isRight()).toBe(true);
  });

  test('goes on with the next file where it broke off between two', async () => {
    server.files.pop();
    await expect(vault.download(URLS)).rejects.toMatchObject({ code: 'source-http' });
    expect(server.requests).toEqual([]);
    expect(await vault.list()).toEqual([]);
    server.files.push(make(2));
    await begin(2, 0);
    await vault.download(URLS);
    expect(server.requests).toEqual(['2:0']);
    expect(await isRight()).toBe(true);
  });

  test.each([
    ['the file', 1, ['1:100000', '1:0', '2:0']],
    ['an earlier file', 0, ['0:0', '1:0', '2:0']],
  ])('mixes nothing where %s has another version by now', async (_, no, requests) => {
    await begin(1, 100_000);
    server.files[no] = make(no, 1);
    server.etags[no] = '"x"';
    await vault.download(URLS);
    expect(server.requests).toEqual(requests);
    expect(await isRight()).toBe(true);
  });

  test('begins the file anew where the server knows no ranges', async () => {
    await begin(1, 100_000);
    server.ranges = false;
    await vault.download(URLS);
    expect(server.requests).toEqual(['1:0', '2:0']);
    expect(await isRight()).toBe(true);
  });

  test.each([
    ['no versions', () => (server.etags = [])],
    ['no HEAD', () => (server.head = false)],
    ['no lengths', () => (server.lengths = false)],
    ['no length of what it does not send', () => (server.headLength = '0')],
    ['nothing', () => ((server.etags = []), (server.head = server.lengths = server.ranges = false))],
  ])('is right where the server tells %s', async (_, change) => {
    change();
    await begin(1, 100_000);
    await vault.download(URLS);
    expect(await isRight()).toBe(true);
    expect((await vault.list())[0]?.parts?.map(({ bytes }) => bytes)).toEqual(SIZES);
  });

  test('that ends early in a file is not whole', async () => {
    const whole = server.files[1] ?? new Uint8Array();
    server.lengths = false;
    const fetching = fetch;
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      const response = await fetching(url, init);
      const length = String(whole.length);
      return url === URLS[1]
        ? new Response(response.body, { headers: { 'content-length': length } })
        : response;
    });
    server.files[1] = whole.slice(0, 1000);
    await expect(vault.download(URLS)).rejects.toMatchObject({ code: 'source-io' });
    expect(await vault.list()).toMatchObject([{ complete: false }]);
  });

  test('that does not fit leaves nothing', async () => {
    shelf.room = BLOCK + 100_000;
    await expect(vault.download(URLS)).rejects.toMatchObject({ code: 'store-full' });
    expect([shelf.files.size, catalogue.entries.size]).toEqual([0, 0]);
  });

  test('does not take a part that was stored alone for the model', async () => {
    await vault.download(URLS[0] ?? '', { name: 'm.gguf' });
    await vault.download(URLS, { name: 'm.gguf' });
    expect(await isRight()).toBe(true);
  });

  test.each([
    ['one file', 1],
    ['some files', 2],
  ])('of %s of a model leaves the model alone', async (_, count) => {
    await vault.download(URLS);
    const some = URLS.slice(0, count);
    const { name } = await vault.download(some);
    expect(name).not.toBe('m.gguf');
    expect((await vault.download(some)).name).toBe(name);
    await vault.delete(name);
    expect(await isRight()).toBe(true);
    expect((await vault.download([...URLS].reverse())).name).toBe('m.gguf');
  });

  test('in another order is that of the same model', async () => {
    const other = [URLS[2], URLS[0], URLS[1]] as string[];
    server.breakAt = [1, 100_000];
    await expect(vault.download(URLS)).rejects.toMatchObject({ code: 'source-io' });
    server.breakAt = undefined;
    await vault.download(other);
    expect(server.requests).toEqual(['0:0', '1:0', '1:100000', '2:0']);
    await vault.download(other);
    await vault.download(other, { name: 'm.gguf' });
    expect(server.requests).toHaveLength(4);
    expect(await vault.list()).toHaveLength(1);
    expect(await isRight()).toBe(true);
  });

  test('in another order has the hash of that order', async () => {
    await vault.download(URLS);
    const sha256 = await hash(await concat([...server.files].reverse()));
    const model = await vault.download([...URLS].reverse(), { sha256 });
    expect(model).toMatchObject({ name: 'm.gguf', sha256, complete: true });
  });

  test('has all its addresses from the beginning', async () => {
    const names = await Promise.all(
      [URLS, URLS.slice(0, 2), [...URLS].reverse()].map(urls => vault.download(urls)),
    );
    expect(names[2]?.name).toBe(names[0]?.name);
    expect(names[1]?.name).not.toBe(names[0]?.name);
    expect(await isRight()).toBe(true);
  });

  test('goes on in the Cache API too', async () => {
    const cached = new Map<string, Response>();
    vi.stubGlobal('caches', {
      open: async () => ({
        keys: async () => [...cached.keys()].map(url => ({ url })),
        match: async (url: string) => cached.get(url)?.clone(),
        put: async (url: string, response: Response) => void cached.set(url, response),
        delete: async (url: string) => cached.delete(url),
      }),
    });
    vault = new Vault({ catalogue, locks: queueLocks(), shelf: await CacheShelf.open('test') });
    for (const change of [() => {}, () => (server.etags[1] = '"x"')]) {
      await vault.delete('m.gguf');
      await begin(1, 100_000);
      change();
      await vault.download(URLS);
      expect(await isRight()).toBe(true);
    }
  });
});
