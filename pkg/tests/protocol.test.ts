import { expect, test } from 'vitest';
import type { Reply, Request } from '../src/wire/protocol.js';
import { FakeWorker } from './fake.js';

/** Sends `requests` and gives the replies once `count` of them have come. */
async function replies(requests: Request[], count: number): Promise<Reply[]> {
  const worker = new FakeWorker();
  for (const request of requests) {
    worker.postMessage(request);
  }
  while (worker.received.length < count) {
    await new Promise(resolve => setTimeout(resolve));
  }
  return worker.received;
}

const load: Request = {
  type: 'load',
  id: 1,
  device: 'cpu',
  alive: 'test',
  target: { type: 'files', files: [{ type: 'blob', blob: new Blob(['abc']) }] },
};

const generate = (id: number, session: number): Request => ({
  type: 'generate',
  id,
  session,
  prompt: { type: 'text', text: 'abc' },
  options: {},
});

test('a load has progress, then one answer, under its own id', async () => {
  expect(await replies([load], 2)).toMatchObject([
    { type: 'event', id: 1, event: { part: 'target', loaded: 3, total: 3 } },
    { type: 'done', id: 1, answer: { device: 'cpu' } },
  ]);
});

test('a request before a load fails under its own id', async () => {
  expect(await replies([{ type: 'encode', id: 7, text: 'x' }], 1)).toMatchObject([
    { type: 'failed', id: 7, error: { code: 'engine-disposed' } },
  ]);
});

test('a generation has one event a piece, then the result', async () => {
  const worker = new FakeWorker();
  worker.postMessage(load);
  await new Promise(resolve => setTimeout(resolve, 20));
  worker.received.length = 0;
  worker.postMessage(generate(2, 0));
  await new Promise(resolve => setTimeout(resolve, 20));
  expect(worker.received).toMatchObject([
    { type: 'event', id: 2, event: { type: 'piece', piece: { text: 'ab' } } },
    { type: 'event', id: 2, event: { type: 'piece', piece: { text: 'c' } } },
    { type: 'done', id: 2, answer: { text: 'abc', finishReason: 'stop' } },
  ]);
});

test('sessions have numbers, and one that is closed is known no more', async () => {
  const worker = new FakeWorker();
  const requests: Request[] = [
    load,
    { type: 'open', id: 2 },
    generate(3, 1),
    { type: 'close', id: 4, session: 1 },
    generate(5, 1),
    { type: 'close', id: 6, session: 1 },
    { type: 'open', id: 7 },
  ];
  for (const request of requests) {
    worker.postMessage(request);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  expect(worker.received.filter(reply => reply.type !== 'event').slice(1)).toMatchObject([
    { type: 'done', id: 2, answer: 1 },
    { type: 'done', id: 3, answer: { text: 'abc' } },
    { type: 'done', id: 4 },
    { type: 'failed', id: 5, error: { code: 'session-closed' } },
    { type: 'failed', id: 6, error: { code: 'session-closed' } },
    { type: 'done', id: 7, answer: 2 },
  ]);
});

test('an abort of an unknown id is no error', async () => {
  expect(await replies([{ type: 'abort', id: 99 }, load], 2)).toHaveLength(2);
});
