import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { open } from '../src/bytes/open.js';
import { modelName, shardUrls } from '../src/bytes/shards.js';
import type { ByteStream } from '../src/bytes/stream.js';
import { PIECE, Turns } from '../src/bytes/turns.js';
import { postable } from '../src/engine/source.js';
import { Paceline } from '../src/index.js';
import type { LoadProgress, Source } from '../src/types/load.js';
import { chunks, FakeBackend, FakeWorker } from './fake.js';

const BASE = 'https://example.org/models/';
const URLS = [1, 2, 3].map(i => `${BASE}m-0000${i}-of-00003.gguf`);

const DATE = 'Wed, 01 Jan 2025 00:00:00 GMT';

/** Bytes that tell where they are from. */
const file = (no: number, size = 3 * PIECE + 5) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 2654435761 + no * 97) >>> 24);

describe('addresses of split models', () => {
  test('stand for all files', () => {
    for (const url of URLS) {
      expect(shardUrls(url)).toEqual(URLS);
    }
    expect(shardUrls(`${URLS[1]}?download=1`)).toEqual(URLS.map(url => `${url}?download=1`));
  });

  test.each([
    'm.gguf',
    'm-1-of-3.gguf',
    'm-00004-of-00003.gguf',
    'm-00000-of-00003.gguf',
    'm-00001-of-00003',
  ])('are not such as %s', name => expect(shardUrls(BASE + name)).toEqual([BASE + name]));

  test('are posted one by one, to be kept as one model', () => {
    const store = { directory: 'd', required: false };
    const files = URLS.map(url => ({ type: 'url', url }));
    expect(postable(URLS[0] ?? '', store).message).toEqual({ type: 'files', files, store });
    expect(postable(URLS, store).message).toEqual({ type: 'files', files, store });
    // What is not from an address cannot be fetched again.
    expect(postable([...URLS, new Blob(['x'])], store).message).not.toHaveProperty('store');
  });

  test('give the model its name', () => {
    expect(modelName('m-00001-of-00003.gguf')).toBe('m.gguf');
    expect(modelName('m.gguf')).toBe('m.gguf');
  });
});

test.each([
  ['no file', []],
  ['a stored model among files', [new Blob(['x']), { stored: 'm' }]],
  ['files in files', [[new Blob(['x'])]]],
])('%s is refused', (_, source) => {
  expect(() => postable(source as unknown as Source)).toThrow(
    expect.objectContaining({ code: 'source-invalid' }),
  );
});

test('a bad file lets go of the ones before it', () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  expect(() => postable([stream, 5 as never])).toThrow();
  expect(cancelled).toBe(true);
});

/** What the server has, and how it behaves. */
let server: {
  files: Map<string, Uint8Array<ArrayBuffer>>;
  etag: string | undefined;
  modified: string | undefined;
  ranges: boolean;
  open: number;
  mostOpen: number;
  requests: string[];
};

beforeEach(() => {
  server = {
    files: new Map(URLS.map((url, i) => [url, file(i)])),
    etag: '"1"',
    modified: undefined,
    ranges: true,
    open: 0,
    mostOpen: 0,
    requests: [],
  };
  vi.stubGlobal('fetch', async (url: string, { headers = {} }: { headers?: Record<string, string> } = {}) => {
    const bytes = server.files.get(url);
    if (!bytes) {
      return new Response('', { status: 404, statusText: 'Not Found' });
    }
    const first = server.ranges ? Number(/^bytes=(\d+)-$/.exec(headers.Range ?? '')?.[1] ?? 0) : 0;
    server.requests.push(`${url.at(-15)} ${first}`);
    if (first > 0 && first >= bytes.length) {
      return new Response('', { status: 416 });
    }
    server.mostOpen = Math.max(server.mostOpen, ++server.open);
    let at = first;
    const body = new ReadableStream({
      pull(controller) {
        if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, (at += 100_000)));
        } else {
          server.open--;
          controller.close();
        }
      },
      cancel: () => void server.open--,
    });
    return new Response(body, {
      status: first > 0 ? 206 : 200,
      headers: {
        ...(server.etag !== undefined && { etag: server.etag }),
        ...(server.modified !== undefined && { 'last-modified': server.modified }),
        'content-length': String(bytes.length - first),
      },
    });
  });
});

afterEach(() => vi.unstubAllGlobals());

const messages = URLS.map(url => ({ type: 'url' as const, url }));

/** Reads the first bytes of all files, then the rest of each. */
async function readAll(files: ByteStream[]): Promise<Uint8Array[]> {
  const readers = files.map(({ stream }) => stream.getReader());
  const parts: Uint8Array[][] = files.map(() => []);
  for (const [i, reader] of readers.entries()) {
    parts[i]?.push((await reader.read()).value ?? new Uint8Array());
  }
  for (const [i, reader] of readers.entries()) {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      expect(next.value.length).toBeLessThanOrEqual(PIECE);
      parts[i]?.push(next.value);
    }
  }
  return Promise.all(parts.map(async part => new Uint8Array(await new Blob(part as never).arrayBuffer())));
}

const expected = () => [...server.files.values()];
/** Whether the bytes are these. The test runner would take long to compare them. */
const same = (read: Uint8Array[]) =>
  read.length === expected().length &&
  read.every((bytes, i) => {
    const other = expected()[i] ?? new Uint8Array();
    return bytes.length === other.length && bytes.every((byte, at) => byte === other[at]);
  });

describe('files from addresses', () => {
  test('are read with one of them open at a time, and their lengths are known at once', async () => {
    const files = await open(messages);
    expect(files.map(({ size }) => size)).toEqual(expected().map(({ length }) => length));
    expect(files.map(({ name }) => name)).toEqual(URLS.map(url => url.slice(BASE.length)));
    expect(same(await readAll(files))).toBe(true);
    expect(server.mostOpen).toBe(1);
    expect(server.open).toBe(0);
    // Once for the beginning, once for the rest.
    expect(server.requests).toHaveLength(6);
  });

  test.each([
    ['no ranges', () => (server.ranges = false)],
    ['no versions', () => (server.etag = undefined)],
  ])('come whole from a server that knows %s', async (_, change) => {
    change();
    expect(same(await readAll(await open(messages)))).toBe(true);
    expect(server.open).toBe(0);
  });

  test('may be shorter than a piece, or empty; they are asked for once then', async () => {
    server.files = new Map(URLS.map((url, i) => [url, file(i, i * 7)]));
    expect(same(await readAll(await open(messages)))).toBe(true);
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    ['a weak tag and a date', 'W/"1"', DATE],
    ['a weak tag', 'W/"1"', undefined],
    ['a date', undefined, DATE],
  ])('go on in the middle where a server knows %s', async (_, etag, modified) => {
    Object.assign(server, { etag, modified });
    expect(same(await readAll(await open(messages)))).toBe(true);
    expect(server.requests.filter(request => request.endsWith(' 0'))).toHaveLength(3);
    expect(server.requests).toHaveLength(6);
  });

  test('that are not there are told of before anything is read', async () => {
    server.files.delete(URLS[2] ?? '');
    await expect(open(messages)).rejects.toMatchObject({ code: 'source-http' });
    expect(server.open).toBe(0);
  });

  test.each([
    ['tag', '"1"', '"2"', undefined, undefined],
    ['weak tag', 'W/"1"', 'W/"2"', DATE, DATE],
    ['date', undefined, undefined, DATE, 'Thu, 02 Jan 2025 00:00:00 GMT'],
  ])('that have another %s meanwhile are never mixed', async (_, etag, tagged, modified, dated) => {
    Object.assign(server, { etag, modified });
    const files = await open(messages);
    Object.assign(server, { etag: tagged, modified: dated });
    await expect(readAll(files)).rejects.toMatchObject({ code: 'source-io' });
  });

  test('that have another length meanwhile are never mixed', async () => {
    server.etag = undefined;
    const files = await open(messages);
    server.files = new Map(URLS.map((url, i) => [url, file(i, 3 * PIECE)]));
    await expect(readAll(files)).rejects.toMatchObject({ code: 'source-io' });
  });
});

test('files from a disk are read in turns too', async () => {
  const blobs = [0, 1, 2].map(i => new File([file(i)], `m${i}.gguf`));
  const files = await open(blobs.map(blob => ({ type: 'blob' as const, blob })));
  expect(files.map(({ name }) => name)).toEqual(['m0.gguf', 'm1.gguf', 'm2.gguf']);
  expect(same(await readAll(files))).toBe(true);
});

test('files that are asked for at the same time are whole too', async () => {
  const files = await open(messages);
  const read = await Promise.all(
    files.map(async ({ stream }) => new Uint8Array(await new Response(stream).arrayBuffer())),
  );
  expect(same(read)).toBe(true);
});

test('a file that nobody wants any more while it is opened is closed again', async () => {
  const turns = new Turns();
  let [opened, cancelled] = [0, 0];
  let go = () => {};
  const reopen = {
    open: async () => {
      if (++opened > 2) {
        await new Promise<void>(resolve => (go = resolve));
      }
      const cancel = () => void cancelled++;
      const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(10));
      return { size: 100, stream: new ReadableStream<Uint8Array>({ pull, cancel }) };
    },
  };
  const [first, second] = [await turns.open(reopen), await turns.open(reopen)];
  const reader = first.stream.getReader();
  await reader.read();
  const waiting = reader.read();
  await vi.waitFor(() => expect(opened).toBe(3));
  await reader.cancel();
  const other = second.stream.cancel();
  go();
  await Promise.all([waiting, other]);
  await vi.waitFor(() => expect(cancelled).toBe(opened));
});

test('a file that waits holds no more than a piece', async () => {
  const turns = new Turns();
  const large = new Uint8Array(16 * PIECE);
  let cancelled = 0;
  const reopen = {
    open: async (at: number) => ({
      size: large.length,
      stream: new ReadableStream<Uint8Array>({
        start: controller => controller.enqueue(large.subarray(at)),
        cancel: () => void cancelled++,
      }),
    }),
  };
  const [first, second] = [await turns.open(reopen), await turns.open(reopen)];
  expect(cancelled).toBe(1);
  const { value } = await first.stream.getReader().read();
  expect(value?.buffer.byteLength).toBe(PIECE);
  await second.stream.cancel();
  expect(cancelled).toBe(2);
});

describe('a load', () => {
  test.each([
    ['addresses', () => URLS[0] ?? ''],
    ['files', () => URLS.map((_, i) => new Blob([file(i)]))],
    ['streams', () => [chunks(5, 1000), chunks(2, 1000)]],
    ['a mixture', () => [new Blob([file(0)]), URLS[1] ?? '', new Response(file(2))]],
  ])('of several %s reads all of each', async (_, source) => {
    const backend = new FakeBackend();
    const worker = new FakeWorker(backend);
    const target = source();
    const seen: LoadProgress[] = [];
    const onProgress = (progress: LoadProgress) => void seen.push(progress);
    const engine = await Paceline.load({
      target,
      draft: [new Blob(['ab']), new Blob(['c'])],
      cache: false,
      worker: worker.factory,
      onProgress,
    });
    const streams = Array.isArray(target) && target[0] instanceof ReadableStream;
    const bytes = streams ? 7000 : expected().reduce((sum, { length }) => sum + length, 0);
    expect(backend.bytes).toBe(bytes + 3);
    expect(seen.at(-1)).toMatchObject({ part: 'draft', loaded: 3, total: 3 });
    const target_ = seen.filter(({ part }) => part === 'target');
    expect(target_.every(({ loaded }, i) => loaded >= (target_[i - 1]?.loaded ?? 0))).toBe(true);
    engine.dispose();
  });

  test('of a file that is not there says which', async () => {
    server.files.delete(URLS[1] ?? '');
    const load = Paceline.load({ target: URLS, cache: false, worker: new FakeWorker().factory });
    await expect(load).rejects.toMatchObject({ code: 'source-http' });
  });

  test('that is aborted lets go of all files', async () => {
    const abort = new AbortController();
    let cancelled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull: controller => controller.enqueue(new Uint8Array(10)),
        cancel: () => void cancelled++,
      });
    const load = Paceline.load({
      target: [endless(), endless()],
      signal: abort.signal,
      worker: new FakeWorker().factory,
      onProgress: () => abort.abort(),
    });
    await expect(load).rejects.toMatchObject({ name: 'AbortError' });
    expect(cancelled).toBe(2);
  });
});
