/**
 * Makes the package's workers, wherever the package lies.
 * @module
 */

import { PacelineError } from './errors.js';

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

/**
 * Browsers refuse a worker whose script lies on another origin, such as a CDN's. A module of the page's own that
 * imports the script is allowed, where the other origin allows CORS.
 */
function sameOrigin(make: () => Worker, file: string): Worker {
  if (typeof Worker === 'undefined') {
    throw new PacelineError('unsupported', 'there are no web workers here; load the engine in a page');
  }
  try {
    return make();
  } catch (error) {
    const url = new URL(file, import.meta.url);
    const foreign = /^https?:$/.test(url.protocol) && url.origin !== globalThis.location?.origin;
    if (!foreign || !(error instanceof DOMException && error.name === 'SecurityError')) {
      throw error;
    }
    const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
    const address = URL.createObjectURL(script);
    try {
      return new Worker(address, { type: 'module', name: 'paceline' });
    } finally {
      // The worker has begun to fetch it by then.
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    }
  }
}
