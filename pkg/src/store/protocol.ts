/**
 * What a page asks of the store's worker (see `../protocol.ts` for how).
 * @module
 */

import type { FileMessage } from '../wire/protocol.js';
import type { DownloadOptions, StoredModel, StoreProgress } from './types.js';

/** Options that can be posted. */
type Posted = Omit<DownloadOptions, 'onProgress' | 'signal'>;

/** The operations that need a thread of their own: they write files, or hash them. */
export interface StoreOperations {
  download: {
    request: { directory: string; urls: string[]; options: Posted };
    event: StoreProgress;
    answer: StoredModel;
  };
  import: {
    request: { directory: string; name: string; files: FileMessage[]; options: Posted };
    event: StoreProgress;
    answer: StoredModel;
  };
  verify: { request: { directory: string; name: string }; event: never; answer: boolean };
}
