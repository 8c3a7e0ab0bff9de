/**
 * Workers from scripts that may lie on another origin than the page.
 * @module
 */

import { PacelineError } from './errors.js';

/**
 * Browsers refuse a worker whose script lies on another origin, such as a CDN's. A module of the page's own that
 * imports the script is allowed, where the other origin allows CORS.
 *
 * @param make - makes the worker
 * @param file - the script's name
 */
export function sameOrigin(make: () => Worker, file: string): Worker {
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
