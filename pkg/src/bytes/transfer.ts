/**
 * A file over HTTP from any byte on, and never two versions of it mixed.
 * @module
 */

import { PacelineError } from '../errors.js';
import { bodyOf, httpError, unreachable } from './response.js';

/** What a server called the version of a file. */
export interface Version {
  etag: string | undefined;
  modified: string | undefined;
}

/** The version of a file of which nothing is known. */
export const NO_VERSION: Version = { etag: undefined, modified: undefined };

/** The bytes of a file from `at` on. */
export interface Transfer {
  stream: ReadableStream<Uint8Array>;
  /** Where they begin: 0, or the byte that was asked for. */
  at: number;
  /** Bytes of the whole file, where the server says it. */
  total: number | undefined;
  version: Version;
}

/**
 * Requests the file at `url` from byte `at` on, the whole of it where the server has another version than `version`, or
 * cannot begin in the middle.
 *
 * @param same - whether two versions go together
 * @throws {@link PacelineError} `source-network` where no answer comes, `source-http` where it is an error
 */
export async function transfer(
  url: string,
  at: number,
  version: Version,
  signal: AbortSignal | undefined,
  same: (before: Version, now: Version) => boolean | undefined = sameVersion,
): Promise<Transfer> {
  if (at > 0) {
    const response = await request(url, rangeHeaders(url, at, version), signal);
    const part =
      response.status === 206 && same(version, versionOf(response)) ? partOf(response, at) : undefined;
    if (part) {
      return part;
    }
    if (response.status !== 206 && response.status !== 416) {
      return wholeOf(response);
    }
    await response.body?.cancel();
  }
  return wholeOf(await request(url, {}, signal));
}

/**
 * The same file from any byte on, as often as it is asked for.
 *
 * @throws {@link PacelineError} `source-io` where the server has another version by now
 */
export function ranged(
  url: string,
  signal: AbortSignal | undefined,
): (at: number) => Promise<{ stream: ReadableStream<Uint8Array>; size: number | undefined }> {
  let before: Transfer | undefined;
  return async at => {
    const now = await transfer(url, at, before?.version ?? NO_VERSION, signal, sameByName);
    before ??= now;
    if (!(sameByName(before.version, now.version) ?? before.total === now.total)) {
      await now.stream.cancel().catch(() => {});
      throw new PacelineError('source-io', `${url} changed while it was read; load the model again`);
    }
    return { stream: now.at < at ? skipping(now.stream, at - now.at) : now.stream, size: now.total };
  };
}

/**
 * What the server says of the file at `url` without its bytes; `undefined` where it does not tell that way.
 *
 * @throws {@link PacelineError} `source-http` where there is no such file
 */
export async function probe(
  url: string,
  signal: AbortSignal | undefined,
): Promise<(Version & { total: number | undefined }) | undefined> {
  let response: Response;
  try {
    response = await fetch(url, { method: 'HEAD', cache: 'no-store', ...(signal && { signal }) });
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
  if (response.status === 404) {
    throw httpError(response);
  }
  const length = response.headers.has('content-encoding')
    ? 0
    : Number(response.headers.get('content-length'));
  // Many servers say 0 where they send no body.
  return response.ok ? { ...versionOf(response), total: length || undefined } : undefined;
}

/** Whether a server that knew a file as `before` still has the same one. Weak tags promise too little. */
export function sameVersion(before: Version, now: Version): boolean {
  if (before.etag !== undefined && now.etag !== undefined) {
    return before.etag === now.etag && !before.etag.startsWith('W/');
  }
  return before.modified !== undefined && before.modified === now.modified;
}

/**
 * Whether two answers within one load are of the same file: weak tags are good enough for that. `undefined` where the
 * server says too little.
 */
function sameByName(before: Version, now: Version): boolean | undefined {
  if (before.etag !== undefined && now.etag !== undefined) {
    return strong(before.etag) === strong(now.etag);
  }
  if (before.modified !== undefined && now.modified !== undefined) {
    return before.modified === now.modified;
  }
  return undefined;
}

function strong(etag: string): string {
  return etag.replace(/^W\//, '');
}

/** Whether anything tells this version from another one. */
export function isKnown({ etag, modified }: Version): boolean {
  return modified !== undefined || (etag !== undefined && !etag.startsWith('W/'));
}

function rangeHeaders(url: string, at: number, { etag, modified }: Version): Record<string, string> {
  const range = { Range: `bytes=${at}-` };
  const validator = etag !== undefined && !etag.startsWith('W/') ? etag : modified;
  // Elsewhere `If-Range` costs a preflight, which file hosts tend to refuse: the answer is compared instead.
  const own = new URL(url).origin === globalThis.location?.origin;
  return own && validator !== undefined ? { ...range, 'If-Range': validator } : range;
}

async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  try {
    // The store is the cache: a second copy in the browser's own would only take room.
    return await fetch(url, { headers, cache: 'no-store', ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

/** The stream without its first `count` bytes. */
function skipping(stream: ReadableStream<Uint8Array>, count: number): ReadableStream<Uint8Array> {
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const rest = chunk.subarray(Math.min(count, chunk.length));
        count -= chunk.length - rest.length;
        if (rest.length > 0) {
          controller.enqueue(rest);
        }
      },
    }),
  );
}

function wholeOf(response: Response): Transfer {
  const { stream, size } = bodyOf(response);
  return { stream, at: 0, total: size, version: versionOf(response) };
}

/** The part that `response` has; `undefined` where it is another one. */
function partOf(response: Response, at: number): Transfer | undefined {
  const [, first, total] =
    /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (response.body === null || response.headers.has('content-encoding')) {
    return undefined;
  }
  // Other origins may hide `Content-Range`. Its absence is no other part: it is what was asked for.
  if (first !== undefined && Number(first) !== at) {
    return undefined;
  }
  const rest = response.headers.get('content-length');
  const whole =
    total !== undefined && total !== '*' ? Number(total) : rest === null ? undefined : at + Number(rest);
  return { stream: response.body, at, total: whole, version: versionOf(response) };
}

function versionOf({ headers }: Response): Version {
  // A compressed body has its own tag, and no part of it is a part of the file.
  return headers.has('content-encoding')
    ? { etag: undefined, modified: undefined }
    : { etag: headers.get('etag') ?? undefined, modified: headers.get('last-modified') ?? undefined };
}
