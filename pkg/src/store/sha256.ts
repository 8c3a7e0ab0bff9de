/**
 * SHA-256 of bytes that come a piece at a time, which `crypto.subtle` cannot do. Building the package puts the library
 * into this file.
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';

/** A hash that is fed. */
export interface Sha256 {
  update(bytes: Uint8Array): unknown;
  /** The hash: 32 bytes. Nothing can be fed afterwards. */
  digest(): Uint8Array;
}

/** A hash of nothing so far. */
export function createSha256(): Sha256 {
  return sha256.create();
}
