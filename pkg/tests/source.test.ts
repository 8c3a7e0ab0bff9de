import { expect, test } from 'vitest';
import { open } from '../src/bytes/open.js';
import { postableFiles } from '../src/bytes/source.js';
import type { ByteStream } from '../src/bytes/stream.js';
import { postable } from '../src/engine/source.js';
import { PacelineError } from '../src/errors.js';
import type { FileSource, Source } from '../src/types/load.js';
import { chunks } from './fake.js';

const signal = new AbortController().signal;

async function read(source: FileSource): Promise<{ bytes: number; size: number | undefined }> {
  const { message, transfer } = postableFiles(source);
  const [file] = await open(structuredClone(message, { transfer }), signal);
  const { stream, size } = file as ByteStream;
  let bytes = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    bytes += next.value.length;
  }
  return { bytes, size };
}

test('addresses are resolved, not fetched', () => {
  expect(postable(new URL('https://example.org/m.gguf')).message).toEqual({
    type: 'files',
    files: [{ type: 'url', url: 'https://example.org/m.gguf' }],
  });
  expect(() => postable('no base to resolve against')).toThrow(PacelineError);
});

test('a blob is posted as it is', async () => {
  expect(await read(new Blob(['0123456789']))).toEqual({ bytes: 10, size: 10 });
});

test('a response comes through with its length', async () => {
  const response = new Response('0123456789', { headers: { 'content-length': '10' } });
  expect(await read(response)).toEqual({ bytes: 10, size: 10 });
});

test('the length of a compressed body is no length', async () => {
  const headers = { 'content-length': '4', 'content-encoding': 'gzip' };
  expect(await read(new Response('0123456789', { headers }))).toEqual({ bytes: 10, size: undefined });
});

test('a stream comes through chunk by chunk, only when asked for', async () => {
  expect(await read(chunks(5, 1000))).toEqual({ bytes: 5000, size: undefined });
});

test('a small view of a large buffer costs its own bytes only and leaves the buffer alone', async () => {
  const large = new Uint8Array(1 << 20);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(large.subarray(10, 20));
      controller.close();
    },
  });
  expect((await read(stream)).bytes).toBe(10);
  expect(large.byteLength).toBe(1 << 20);
});

test('an error in a stream arrives at its reader', async () => {
  const stream = new ReadableStream<Uint8Array>({ pull: c => c.error(new Error('the cable broke')) });
  await expect(read(stream)).rejects.toThrow('the cable broke');
});

test('cancelling at the worker cancels the stream', async () => {
  let cancelled = () => {};
  const done = new Promise<void>(resolve => (cancelled = resolve));
  const source = new ReadableStream<Uint8Array>({
    pull: c => c.enqueue(new Uint8Array(1)),
    cancel: () => cancelled(),
  });
  const { message, transfer } = postableFiles(source);
  const [file] = await open(structuredClone(message, { transfer }), signal);
  const reader = (file as ByteStream).stream.getReader();
  await reader.read();
  await reader.cancel();
  await done;
});

test.each([
  ['a bad status', () => new Response('', { status: 404, statusText: 'Not Found' }), 'source-http'],
  ['no body', () => new Response(null), 'source-invalid'],
  ['a locked stream', () => (s => (s.getReader(), s))(chunks(1)), 'source-invalid'],
  ['something else', () => 42 as unknown as Source, 'source-invalid'],
])('%s is refused', (_, source, code) => {
  expect(() => postable(source())).toThrow(expect.objectContaining({ name: 'PacelineError', code }));
});

test('a response that was read is refused', async () => {
  const response = new Response('x');
  await response.text();
  expect(() => postable(response)).toThrow(expect.objectContaining({ code: 'source-invalid' }));
});
