/**
 * Reading a stream to its end.
 * @module
 */

import { PacelineError } from '../errors.js';

/** Hands on all of `stream`. A stream that fails is `source-io`, unless it failed for an abort or has a code. */
export async function pump(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await next(reader, signal);
      if (done) {
        return;
      }
      await take(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    reader.releaseLock();
  }
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
  try {
    return await reader.read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PacelineError) {
      throw error;
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new PacelineError('source-io', `the file broke off (${why}); try again, it goes on from there`, {
      cause: error,
    });
  }
}
