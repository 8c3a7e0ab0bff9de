/**
 * The store itself: what is where it runs, be that a worker or a test. `ModelStore` is what pages see of it.
 * @module
 */

import { fileName } from '../bytes/shards.js';
import type { StoredFile } from '../bytes/stream.js';
import { throttled } from '../bytes/throttled.js';
import { isKnown, NO_VERSION, transfer } from '../bytes/transfer.js';
import type { Catalogue } from './catalogue.js';
import { checked } from './checked.js';
import { Digest } from './digest.js';
import { addressesOf, fits, isEqual, isFrom, progressOf } from './entry.js';
import type { Locks } from './locks.js';
import { checkName, nameOf } from './names.js';
import { importParts, transferParts } from './parts.js';
import { pump } from './pump.js';
import { Records } from './records.js';
import type { Shelf } from './shelf.js';
import type { DownloadOptions, ImportOptions, StoredModel, StoreProgress } from './types.js';
import { fill } from './writer.js';

/** What a vault is made of. */
export interface VaultParts {
  shelf: Shelf;
  catalogue: Catalogue;
  locks: Locks;
}

/** A file to be imported. */
export interface ImportFile {
  stream: ReadableStream<Uint8Array>;
  size: number | undefined;
  name?: string | undefined;
}

/** How often somebody who waits for another tab's download is told how far that is, in ms. */
const WATCH_MS = 250;

/** A lock that no model can have: names are not empty. */
const NAMES = '';

/** Models on a {@link Shelf}. */
export class Vault {
  readonly #records: Records;
  readonly #locks: Locks;

  constructor({ shelf, catalogue, locks }: VaultParts) {
    this.#records = new Records(shelf, catalogue);
    this.#locks = locks;
  }

  /** All models, by name. */
  async list(): Promise<StoredModel[]> {
    const entries = await this.#records.catalogue.all();
    const models = await Promise.all(entries.map(entry => this.#records.describe(entry)));
    return models.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** See `ModelStore.download`. `urls` are the files of a split model, or that of a whole one. */
  async download(urls: string | readonly string[], options: DownloadOptions = {}): Promise<StoredModel> {
    const given = typeof urls === 'string' ? [urls] : urls;
    const { signal, force = false } = options;
    const name = await this.#nameFor(given, options.name, signal);
    return this.#writing(name, options, async tell => {
      const before = await this.#records.catalogue.get(name);
      const wanted = options.sha256?.toLowerCase();
      if (before && !force && (await this.#records.isWhole(before)) && fits(before, given, wanted)) {
        return this.#records.touch(before);
      }
      // Files in another order are the same model, but not the same bytes for a hash of all.
      const all = before && wanted === undefined && isFrom(before, given) ? addressesOf(before) : given;
      const begun = before?.complete === false && isEqual(addressesOf(before), all) && !force;
      const [url = ''] = all;
      if (all.length > 1) {
        const parts = all.map((url, i) => ({ name: fileName(url), ...(begun && before.parts?.[i]), url }));
        return fill(this.#records, name, options, tell, begun, async at => {
          const file = await transferParts(parts, at, signal, parts => this.#records.note(name, parts));
          await this.#records.begin({ name, url, parts: file.parts, total: file.total }, before);
          return file;
        });
      }
      const version = { etag: before?.etag, modified: before?.modified };
      return fill(this.#records, name, options, tell, begun && isKnown(version), async at => {
        const file = await transfer(url, at, version, signal);
        const { etag, modified } = file.version;
        await this.#records.begin({ name, url, etag, modified, total: file.total }, before);
        return file;
      });
    });
  }

  /** See `ModelStore.import`. */
  async import(
    name: string,
    files: ImportFile | readonly ImportFile[],
    options: ImportOptions = {},
  ): Promise<StoredModel> {
    checkName(name);
    const all = 'stream' in files ? [files] : files;
    return this.#writing(name, options, async tell => {
      const before = await this.#records.catalogue.get(name);
      return fill(this.#records, name, options, tell, false, async () => {
        const [only] = all;
        if (only && all.length === 1) {
          await this.#records.begin({ name, total: only.size }, before);
          return { stream: only.stream, at: 0, total: only.size, version: NO_VERSION };
        }
        const file = importParts(all, parts => this.#records.note(name, parts));
        await this.#records.begin({ name, parts: file.parts, total: file.total }, before);
        return file;
      });
    });
  }

  /** See `ModelStore.get`. */
  async get(name: string): Promise<Blob> {
    // Without a lock: one that is being written is incomplete, and says so at once.
    return (await this.#records.whole(name)).blob;
  }

  /** What is known of a model, where it is there. */
  find(name: string): Promise<StoredModel | undefined> {
    return this.#records.find(name);
  }

  /**
   * Gives the model's files to `read`, each block compared with its hash; nobody changes the model meanwhile. A block
   * that differs makes the stream fail with `store-corrupt`.
   */
  async reading<T>(
    name: string,
    signal: AbortSignal | undefined,
    read: (files: StoredFile[]) => Promise<T>,
  ): Promise<T> {
    return this.#locks(name, 'shared', signal, async () => {
      const { blob, entry } = await this.#records.whole(name);
      let end = 0;
      const files = (entry.parts ?? [{ name, total: blob.size }]).map(({ name: part, total: size = 0 }) => {
        const [from, to] = [end, (end += size)];
        const open = (at: number) => checked(blob, entry.blocks ?? [], name, from + at, to);
        return { name: part, size, open };
      });
      return read(files);
    });
  }

  /** See `ModelStore.verify`. */
  async verify(name: string, signal?: AbortSignal): Promise<boolean> {
    return this.#locks(name, 'shared', signal, async () => {
      const { blob, entry } = await this.#records.present(name);
      const digest = new Digest();
      await pump(blob.stream(), signal, bytes => digest.update(bytes));
      return (await digest.finish()).sha256 === entry.sha256;
    });
  }

  /** See `ModelStore.delete`. */
  async delete(name: string): Promise<void> {
    await this.#locks(name, 'exclusive', undefined, () => this.#records.remove(name));
  }

  /** The name of the model at `urls`. It is taken from then on, with all of them, so that no two models share one. */
  #nameFor(
    urls: readonly string[],
    name: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    if (name !== undefined) {
      return Promise.resolve(checkName(name));
    }
    return this.#locks(NAMES, 'exclusive', signal, async () => {
      const entries = await this.#records.catalogue.all();
      const known = entries.find(entry => isFrom(entry, urls));
      if (known) {
        return known.name;
      }
      const name = nameOf(urls, new Set(entries.map(entry => entry.name)));
      const parts = urls.length > 1 ? urls.map(url => ({ name: fileName(url), url })) : undefined;
      await this.#records.begin({ name, url: urls[0], parts }, undefined);
      return name;
    });
  }

  /** Carries out `work` as the only writer of `name`. Who waits is told how far the other one is. */
  async #writing<T>(
    name: string,
    { onProgress, signal }: ImportOptions,
    work: (tell: (progress: StoreProgress) => void) => Promise<T>,
  ): Promise<T> {
    const tell = throttled(onProgress ?? (() => {}));
    const watch = async () => {
      const model = await this.#records.find(name);
      if (timer !== undefined && model && !model.complete && model.bytes > 0) {
        tell(progressOf(model.bytes, model.total));
      }
    };
    let timer = onProgress && setInterval(() => void watch().catch(() => {}), WATCH_MS);
    try {
      return await this.#locks(name, 'exclusive', signal, () => {
        clearInterval(timer);
        timer = undefined;
        return work(tell);
      });
    } finally {
      clearInterval(timer);
      timer = undefined;
    }
  }
}
