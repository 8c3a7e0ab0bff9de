/**
 * The hashes of a model file: one of the whole, which people compare, and one of each block. Those of blocks are made
 * by the browser beside this thread, so a load can check each block as it reads it.
 * @module
 */

import { createSha256 } from './sha256.js';

/** Bytes that have a hash of their own; the last block may have fewer. */
export const BLOCK = 4 << 20;

/** The hashes of a file. */
export interface Hashes {
  /** In hexadecimal. */
  sha256: string;
  /** The same of each block. */
  blocks: string[];
}

/** Hashes a file that comes a piece at a time. It holds a block of it. */
export class Digest {
  readonly #whole = createSha256();
  readonly #blocks: Promise<string>[] = [];
  #block = new Uint8Array(BLOCK);
  #filled = 0;

  /** Adds `bytes`. */
  async update(bytes: Uint8Array): Promise<void> {
    this.#whole.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK) {
        // The copy that `digest` makes is taken before it returns.
        this.#blocks.push(hash(this.#block));
        this.#filled = 0;
        await this.#blocks.at(-2);
      }
    }
  }

  /** The hashes of everything added. */
  async finish(): Promise<Hashes> {
    if (this.#filled > 0) {
      this.#blocks.push(hash(this.#block.subarray(0, this.#filled)));
    }
    return { sha256: hex(this.#whole.digest()), blocks: await Promise.all(this.#blocks) };
  }
}

/** SHA-256 of `bytes` in hexadecimal. */
export async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}
