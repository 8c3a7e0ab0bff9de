/**
 * Where the bytes of models lie: files that only grow, or go.
 * @module
 */

import type { StoreBackend } from './types.js';

/** A file being written. Whatever was written before {@link Appender.close} stays, however the writing ended. */
export interface Appender {
  /** Bytes of the file. */
  readonly size: number;
  /** Adds `bytes`. Throws a `QuotaExceededError` where there is no room. */
  append(bytes: Uint8Array): Promise<void>;
  /** Cuts the file to its first `size` bytes, before anything is added. */
  truncate(size: number): Promise<void>;
  /** Makes what was written last. */
  close(): Promise<void>;
}

/** A folder of such files. Nothing here locks: callers do. */
export interface Shelf {
  readonly backend: StoreBackend;
  /** The file, as it is now; `undefined` where there is none. Its bytes are not in memory. */
  blob(name: string): Promise<Blob | undefined>;
  /** Opens the file to write on, an empty one where there is none. */
  append(name: string): Promise<Appender>;
  /** Removes the file, where there is one. */
  remove(name: string): Promise<void>;
}
