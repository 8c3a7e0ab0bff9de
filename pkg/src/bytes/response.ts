/**
 * What servers answer, and the errors where they do not.
 * @module
 */

import { PacelineError } from '../errors.js';

/** The body of a response and its length in bytes, where the server says it. */
export function bodyOf(response: Response): { stream: ReadableStream<Uint8Array>; size: number | undefined } {
  if (!response.ok) {
    throw httpError(response);
  }
  if (response.bodyUsed || response.body === null) {
    throw new PacelineError(
      'source-invalid',
      'the response has no body, or it has been read before; fetch it again',
    );
  }
  // The length of a compressed body says nothing about the file's.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  return { stream: response.body, size: length === null ? undefined : Number(length) };
}

/** The error for a response that is none of a file. */
export function httpError({ url, status, statusText }: Response): PacelineError {
  const where = url === '' ? 'the server' : url;
  return new PacelineError('source-http', `${where} answered ${status} ${statusText}; check the address`);
}

/** The error for an address that could not be fetched. */
export function unreachable(url: string, error: unknown): PacelineError {
  const why = error instanceof Error ? error.message : String(error);
  return new PacelineError(
    'source-network',
    `${url} could not be fetched (${why}); check the connection, and that the server allows this page (CORS)`,
    { cause: error },
  );
}
