/**
 * Model files on the worker's side: what was posted becomes a stream of bytes.
 * @module
 */

import type { FileMessage, PortReply, PortRequest } from '../wire/protocol.js';
import { tick } from '../wire/tick.js';
import { bodyOf, unreachable } from './response.js';
import { fileName } from './shards.js';
import type { ByteStream, StoredFile } from './stream.js';
import { ranged } from './transfer.js';
import { Turns } from './turns.js';

/** Longest time in ms that bytes are handed on without letting messages arrive. */
const SLICE_MS = 8;

/** Begins to read the files of a model, past the store. */
export async function open(files: readonly FileMessage[], signal?: AbortSignal): Promise<ByteStream[]> {
  const begin = files.length === 1 ? raw : inTurns();
  const opened: ByteStream[] = [];
  try {
    for (const file of files) {
      const { stream, ...about } = await begin(file, signal);
      opened.push({ stream: paced(stream), ...about });
    }
  } catch (error) {
    opened.forEach(({ stream }) => void stream.cancel().catch(() => {}));
    throw error;
  }
  return opened;
}

/** The same of a model that is in the store. */
export async function openStored(files: readonly StoredFile[]): Promise<ByteStream[]> {
  const turns = new Turns();
  const begin = async ({ name, size, open }: StoredFile): Promise<ByteStream> =>
    files.length === 1
      ? { name, size, stream: open(0) }
      : turns.open({ name, open: async at => ({ size, stream: open(at) }) });
  const opened: ByteStream[] = [];
  for (const file of files) {
    const { stream, ...about } = await begin(file);
    opened.push({ stream: paced(stream), ...about });
  }
  return opened;
}

/** The stream of a file from its beginning, which may keep the event loop from running. */
export async function raw(file: FileMessage, signal?: AbortSignal): Promise<ByteStream> {
  const name = nameOf(file);
  switch (file.type) {
    case 'url':
      return { ...bodyOf(await get(file.url, signal)), name };
    case 'blob':
      return { stream: file.blob.stream(), size: file.blob.size, name };
    case 'port':
      return { stream: fromPort(file.port), size: file.size, name };
  }
}

/** The same for files of which one at a time is open, where they can be opened more than once. */
function inTurns(): typeof raw {
  const turns = new Turns();
  return async (file, signal) => {
    const name = nameOf(file);
    switch (file.type) {
      case 'url': {
        const open = ranged(file.url, signal);
        return turns.open({ name, open });
      }
      case 'blob': {
        const { blob } = file;
        return turns.open({ name, open: async at => ({ stream: blob.slice(at).stream(), size: blob.size }) });
      }
      case 'port':
        return raw(file, signal);
    }
  };
}

function nameOf(file: FileMessage): string | undefined {
  switch (file.type) {
    case 'url':
      return fileName(file.url);
    case 'blob':
      return file.blob instanceof File ? file.blob.name : undefined;
    case 'port':
      return file.name;
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
