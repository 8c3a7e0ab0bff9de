/**
 * Model files on the worker's side: what was posted becomes a stream of bytes.
 * @module
 */

import { PacelineError } from '../errors.js';
import type { PortReply, PortRequest, SourceMessage } from '../protocol.js';
import { bodyOf } from '../source.js';
import { unreachable } from '../store/transfer.js';
import type { ByteStream } from './backend.js';
import { tick } from './tick.js';

/** Longest time in ms that bytes are handed on without letting messages arrive. */
const SLICE_MS = 8;

/** Begins to read `source`, past the store. */
export async function open(source: SourceMessage, signal?: AbortSignal): Promise<ByteStream> {
  const { stream, size } = await raw(source, signal);
  return { stream: paced(stream), size };
}

/** The same, except that it may keep the event loop from running. */
export async function raw(source: SourceMessage, signal?: AbortSignal): Promise<ByteStream> {
  switch (source.type) {
    case 'url':
      return bodyOf(await get(source.url, signal));
    case 'blob':
      return { stream: source.blob.stream(), size: source.blob.size };
    case 'port':
      return { stream: fromPort(source.port), size: source.size };
    case 'stored':
      throw new PacelineError('source-invalid', 'a stored model is read through its store');
  }
}

async function get(url: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(url, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

/** The stream at the other end of a port (see `throughPort` in `source.ts`). */
function fromPort(port: MessagePort): ReadableStream<Uint8Array> {
  const send = (request: PortRequest) => port.postMessage(request);
  return new ReadableStream(
    {
      pull: controller =>
        new Promise(resolve => {
          port.onmessage = ({ data }: MessageEvent<PortReply>) => {
            if ('chunk' in data) {
              controller.enqueue(data.chunk);
            } else if ('end' in data) {
              port.close();
              controller.close();
            } else {
              port.close();
              controller.error(new Error(data.error));
            }
            resolve();
          };
          send('pull');
        }),
      cancel: () => {
        port.onmessage = null; // A chunk may be on its way.
        send('cancel');
      },
    },
    { highWaterMark: 1 },
  );
}

/** The same stream, except that it lets the event loop run every now and then: bytes that wait already would not. */
export function paced(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let last = performance.now();
  return new ReadableStream(
    {
      async pull(controller) {
        if (performance.now() - last > SLICE_MS) {
          await tick();
          last = performance.now();
        }
        const { done, value } = await reader.read();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      cancel: reason => reader.cancel(reason),
    },
    // Nothing is read ahead: whoever reads waits for `pull`, and so for the tick.
    { highWaterMark: 0 },
  );
}
