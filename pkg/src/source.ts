/**
 * Model files on the page's side: whatever the caller has becomes something that can be posted to the worker.
 * @module
 */

import { PacelineError } from './errors.js';
import { refuse } from './options/rules.js';
import type { PortReply, PortRequest, SourceMessage, StoreUse } from './protocol.js';
import { DEFAULT_DIRECTORY } from './store/directory.js';
import type { Source } from './types.js';

/** A source on its way to the worker. */
export interface PostedSource {
  /** What is posted. */
  message: SourceMessage;
  /** What is transferred with it. */
  transfer: Transferable[];
  /** Lets go of the source, where the load failed. */
  cancel: () => void;
}

/**
 * Makes `source` postable. Addresses are resolved against the page and fetched by the worker; files are handles and
 * are posted as they are; a stream is read here, a chunk whenever the worker asks for one.
 *
 * @param store - where the worker keeps what it fetches
 * @param name - what the source is called in errors
 */
export function postable(source: Source, store?: StoreUse, name = 'source'): PostedSource {
  if (typeof source === 'string' || source instanceof URL) {
    const message: SourceMessage = { type: 'url', url: absolute(source), ...(store && { store }) };
    return { message, transfer: [], cancel: () => {} };
  }
  if (source instanceof Blob) {
    return { message: { type: 'blob', blob: source }, transfer: [], cancel: () => {} };
  }
  if (source instanceof Response) {
    const { stream, size } = bodyOf(source);
    return throughPort(stream, size);
  }
  if (source instanceof ReadableStream) {
    return throughPort(source);
  }
  if (typeof source?.stored === 'string') {
    const directory = store?.directory ?? DEFAULT_DIRECTORY;
    return { message: { type: 'stored', name: source.stored, directory }, transfer: [], cancel: () => {} };
  }
  const allowed = 'an address, a File, a Blob, a Response, a ReadableStream or { stored: name }';
  refuse(name, source, allowed, 'source-invalid');
}

/** The body of a response and its length in bytes, where the server says it. */
export function bodyOf(response: Response): { stream: ReadableStream<Uint8Array>; size: number | undefined } {
  if (!response.ok) {
    const where = response.url === '' ? 'the server' : response.url;
    throw new PacelineError(
      'source-http',
      `${where} answered ${response.status} ${response.statusText}; check the address`,
    );
  }
  if (response.bodyUsed || response.body === null) {
    throw invalid('the response has no body, or it has been read before; fetch it again');
  }
  // The length of a compressed body says nothing about the file's.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  return { stream: response.body, size: length === null ? undefined : Number(length) };
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
function throughPort(stream: ReadableStream<Uint8Array>, size?: number): PostedSource {
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
  const message: SourceMessage = { type: 'port', port: port2 };
  return { message: size === undefined ? message : { ...message, size }, transfer: [port2], cancel };
}

function invalid(message: string): PacelineError {
  return new PacelineError('source-invalid', message);
}
