/**
 * The options of the store and what each may be.
 * @module
 */

import { abortSignal, callback, elsewhere, flag, such, text, type Table } from '../options/rules.js';
import type { DownloadOptions, ImportOptions } from './types.js';

/** Of `ModelStore.open`. */
export const OPEN: Table<{ directory?: string }> = { directory: text };

/** Of `ModelStore.import`. */
export const IMPORT: Table<ImportOptions> = {
  sha256: such('64 hexadecimal digits', value => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)),
  onProgress: callback,
  signal: abortSignal,
};

/** Of `ModelStore.download`. */
export const DOWNLOAD: Table<DownloadOptions> = { ...IMPORT, name: elsewhere, force: flag };
