/**
 * How errors cross the worker's border.
 * @module
 */

import { abortError, PacelineError, type ErrorCode } from '../errors.js';

/** An error as it crosses the worker's border. `code` is `aborted` for an abort. */
export interface ErrorMessage {
  code: ErrorCode;
  message: string;
}

/** Describes anything that was thrown, so that it can be posted. */
export function toMessage(error: unknown): ErrorMessage {
  if (error instanceof WebAssembly.RuntimeError) {
    return crashMessage(error.message);
  }
  if (error instanceof DOMException && error.name === 'AbortError') {
    return { code: 'aborted', message: error.message };
  }
  // What the wasm module throws is a plain object or an Error with `code` and `message`.
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(error);
  return { code: typeof code === 'string' ? code : 'internal', message: text };
}

/** Describes the end of an engine. */
export function crashMessage(why: string): ErrorMessage {
  return {
    code: 'engine-crashed',
    message: `the engine crashed (${why}); call recover(), or load the model again`,
  };
}

/** The error that a posted description stands for. */
export function fromMessage(error: ErrorMessage, signal?: AbortSignal): unknown {
  return error.code === 'aborted' ? abortError(signal) : new PacelineError(error.code, error.message);
}
