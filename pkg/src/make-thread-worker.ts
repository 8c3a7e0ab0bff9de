/**
 * Makes workers for helpers. Apart from `make-worker.ts`, or bundlers would find the engine's worker inside of itself.
 * @module
 */

import { sameOrigin } from './same-origin.js';

/** A worker for a helper of an engine. */
export function makeThreadWorker(): Worker {
  return sameOrigin(
    () =>
      new Worker(new URL('./thread-worker.js', import.meta.url), { type: 'module', name: 'paceline-thread' }),
    'thread-worker.js',
  );
}
