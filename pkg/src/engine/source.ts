/**
 * Models on the page's side: their files, or what the store calls them, in a form that can be posted to the worker.
 * @module
 */

import { postableFiles, type Posted } from '../bytes/source.js';
import { DEFAULT_DIRECTORY } from '../store/directory.js';
import type { LoadOptions, Source } from '../types/load.js';
import type { SourceMessage, StoreUse } from '../wire/protocol.js';

/**
 * Makes `source` postable (see {@link postableFiles}).
 *
 * @param store - where the worker keeps what it fetches
 * @param name - what the source is called in errors
 */
export function postable(source: Source, store?: StoreUse, name = 'source'): Posted<SourceMessage> {
  if (isStored(source)) {
    const directory = store?.directory ?? DEFAULT_DIRECTORY;
    return { message: { type: 'stored', name: source.stored, directory }, transfer: [], cancel: () => {} };
  }
  const { message: files, transfer, cancel } = postableFiles(source, name);
  const kept = store && files.every(({ type }) => type === 'url');
  return { message: { type: 'files', files, ...(kept && { store }) }, transfer, cancel };
}

/** Whether a source is gone once it has been read. */
export function isOnce(source: Source | undefined): boolean {
  return Array.isArray(source)
    ? source.some(isOnce)
    : source instanceof Response || source instanceof ReadableStream;
}

/** The store that fetched files are kept in. */
export function storeUse(cache: LoadOptions['cache'] = true): StoreUse | undefined {
  if (typeof cache === 'boolean') {
    return cache ? { directory: DEFAULT_DIRECTORY, required: false } : undefined;
  }
  return { directory: cache.directory, required: true };
}

function isStored(source: Source): source is { stored: string } {
  return typeof (source as { stored?: unknown } | null | undefined)?.stored === 'string';
}
