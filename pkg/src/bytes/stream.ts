/**
 * Files that can be read.
 * @module
 */

/** A file being read, its length in bytes where that is known, and what it is called. */
export interface ByteStream {
  stream: ReadableStream<Uint8Array>;
  size: number | undefined;
  name?: string | undefined;
}

/** A file that is there: all of a model, or one of several. */
export interface StoredFile {
  name: string | undefined;
  size: number;
  /** Its bytes from `at` on. */
  open(at: number): ReadableStream<Uint8Array>;
}
