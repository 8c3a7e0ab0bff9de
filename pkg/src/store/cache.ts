/**
 * A shelf in the Cache API, for browsers without an origin private file system. A cached response is written as a whole
 * or not at all, so a file is a row of segments, each under the offset at which it begins.
 * @module
 */

import type { Appender, Shelf } from './shelf.js';

/** Bytes that are kept in memory before they become a segment. */
const SEGMENT = 4 << 20;

/** A place for keys: no request ever goes there. */
const BASE = 'https://paceline.invalid/';

/** A cache of the Cache API. */
export class CacheShelf implements Shelf {
  readonly backend = 'cache';
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Opens the cache called `directory`. */
  static async open(directory: string): Promise<CacheShelf> {
    return new CacheShelf(await caches.open(`paceline-store/${directory}`));
  }

  async blob(name: string): Promise<Blob | undefined> {
    const offsets = await segments(this.#cache, name);
    if (offsets.length === 0) {
      return undefined;
    }
    const blobs: Blob[] = [];
    let size = 0;
    for (const offset of offsets) {
      const segment = await (await this.#cache.match(key(name, offset)))?.blob();
      if (!segment || offset !== size) {
        break; // What follows a gap is of no use.
      }
      blobs.push(segment);
      size += segment.size;
    }
    return new Blob(blobs);
  }

  async append(name: string): Promise<Appender> {
    const size = (await this.blob(name))?.size ?? 0;
    return new CacheAppender(this.#cache, name, size);
  }

  async remove(name: string): Promise<void> {
    for (const offset of await segments(this.#cache, name)) {
      await this.#cache.delete(key(name, offset));
    }
  }
}

class CacheAppender implements Appender {
  readonly #cache: Cache;
  readonly #name: string;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  /** Where the next segment begins. */
  #at: number;
  #size: number;

  constructor(cache: Cache, name: string, size: number) {
    this.#cache = cache;
    this.#name = name;
    this.#at = size;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#waiting.push(new Uint8Array(bytes));
    this.#size += bytes.length;
    if (this.#size - this.#at >= SEGMENT) {
      await this.close();
    }
  }

  async truncate(size: number): Promise<void> {
    this.#at = size;
    this.#size = size;
    for (const offset of await segments(this.#cache, this.#name)) {
      const at = key(this.#name, offset);
      const segment = offset < size ? await (await this.#cache.match(at))?.blob() : undefined;
      if (segment && offset + segment.size <= size) {
        continue;
      }
      if (segment) {
        // Its beginning is part of the next segment.
        this.#waiting = [new Uint8Array(await segment.slice(0, size - offset).arrayBuffer())];
        this.#at = offset;
      }
      await this.#cache.delete(at);
    }
  }

  async close(): Promise<void> {
    const segment = new Blob(this.#waiting);
    this.#waiting = [];
    if (segment.size > 0) {
      await this.#cache.put(key(this.#name, this.#at), new Response(segment));
      this.#at += segment.size;
    }
  }
}

function key(name: string, offset: number): string {
  return `${prefix(name)}${offset}`;
}

function prefix(name: string): string {
  return `${BASE}${encodeURIComponent(name)}/`;
}

/** Where the segments of `name` begin, in order. */
async function segments(cache: Cache, name: string): Promise<number[]> {
  const start = prefix(name);
  return (await cache.keys())
    .filter(request => request.url.startsWith(start))
    .map(request => Number(request.url.slice(start.length)))
    .sort((a, b) => a - b);
}
