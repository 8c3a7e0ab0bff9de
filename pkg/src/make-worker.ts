/**
 * Makes the package's workers, wherever the package lies.
 * @module
 */

import { sameOrigin } from './same-origin.js';

/** A worker for an engine. */
export function makeEngineWorker(): Worker {
  // Bundlers look for exactly this expression.
  return sameOrigin(
    () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'paceline' }),
    'worker.js',
  );
}

/** A worker for the store. */
export function makeStoreWorker(): Worker {
  return sameOrigin(
    () =>
      new Worker(new URL('./store-worker.js', import.meta.url), { type: 'module', name: 'paceline-store' }),
    'store-worker.js',
  );
}
