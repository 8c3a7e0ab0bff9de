/**
 * Files on the page's side: whatever the caller has becomes something that can be posted to the worker.
 * @module
 */

import { PacelineError } from '../errors.js';
import { refuse } from '../options/rules.js';
import type { FileSource } from '../types/load.js';
import type { FileMessage, PortReply, PortRequest } from '../wire/protocol.js';
import { bodyOf } from './response.js';
import { fileName, shardUrls } from './shards.js';

/** Something on its way to the worker. */
export interface Posted<T> {
  /** What is posted. */
  message: T;
  /** What is transferred with it. */
  transfer: Transferable[];
  /** Lets go of the source, where the load failed. */
  cancel: () => void;
}

/**
 * Makes files postable; one address of a split model stands for all of its files. Addresses are resolved against the page
 * and fetched by the worker; files are handles and are posted as they are; a stream is read here, a chunk whenever the
 * worker asks for one.
 *
 * @param name - what the source is called in errors
 */
export function postableFiles(
  source: FileSource | readonly FileSource[],
  name = 'source',
): Posted<FileMessage[]> {
  const sources = isAddress(source) ? shardUrls(absolute(source)) : Array.isArray(source) ? source : [source];
  if (sources.length === 0) {
    refuse(name, source, 'the files of a model', 'source-invalid');
  }
  const posted: Posted<FileMessage>[] = [];
  const cancel = () => posted.forEach(file => file.cancel());
  try {
    for (const [i, file] of (sources as readonly FileSource[]).entries()) {
      posted.push(postableFile(file, Array.isArray(source) ? `${name}[${i}]` : name));
    }
  } catch (error) {
    cancel();
    throw error;
  }
  return {
    message: posted.map(file => file.message),
    transfer: posted.flatMap(file => file.transfer),
    cancel,
  };
}

function postableFile(source: FileSource, name: string): Posted<FileMessage> {
  if (isAddress(source)) {
    return { message: { type: 'url', url: absolute(source) }, transfer: [], cancel: () => {} };
  }
  if (source instanceof Blob) {
    return { message: { type: 'blob', blob: source }, transfer: [], cancel: () => {} };
  }
  if (source instanceof Response) {
    const { stream, size } = bodyOf(source);
    return throughPort(stream, size, source.url === '' ? undefined : fileName(source.url));
  }
  if (source instanceof ReadableStream) {
    return throughPort(source);
  }
  const allowed =
    'an address, a File, a Blob, a Response, a ReadableStream, an array of these or { stored: name }';
  refuse(name, source, allowed, 'source-invalid');
}

function isAddress(source: unknown): source is string | URL {
  return typeof source === 'string' || source instanceof URL;
}

/** The whole of an address: relative ones count from the page. */
export function absolute(url: string | URL): string {
  if (typeof url !== 'string' && typeof url?.href !== 'string') {
    refuse('url', url, 'an address', 'source-invalid');
  }
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch {
    throw invalid(`${url} is not an address`);
  }
}

/**
 * A port through which the worker pulls `stream`. Streams cannot be transferred in every browser; this works in all,
 * and holds one chunk at a time.
 */
function throughPort(stream: ReadableStream<Uint8Array>, size?: number, name?: string): Posted<FileMessage> {
  if (stream.locked) {
    throw invalid('the stream is being read elsewhere; give one that nobody has begun to read');
  }
  const reader = stream.getReader();
  const { port1, port2 } = new MessageChannel();
  const answer = (reply: PortReply, transfer: Transferable[] = []) => port1.postMessage(reply, transfer);
  const cancel = () => {
    port1.close();
    reader.cancel().catch(() => {});
  };
  port1.onmessage = async ({ data }: MessageEvent<PortRequest>) => {
    if (data === 'cancel') {
      cancel();
      return;
    }
    try {
      const { done, value } = await reader.read();
      if (done) {
        answer({ end: true });
      } else {
        // A copy: the chunk may be a small part of a buffer that its producer goes on using.
        const chunk = new Uint8Array(value);
        answer({ chunk }, [chunk.buffer]);
      }
    } catch (error) {
      answer({ error: error instanceof Error ? error.message : String(error) });
    }
  };
  const message: FileMessage = {
    type: 'port',
    port: port2,
    ...(size !== undefined && { size }),
    ...(name !== undefined && { name }),
  };
  return { message, transfer: [port2], cancel };
}

function invalid(message: string): PacelineError {
  return new PacelineError('source-invalid', message);
}
