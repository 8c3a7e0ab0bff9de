/**
 * The store itself: what is where it runs, be that a worker or a test. `ModelStore` is what pages see of it.
 * @module
 */

import { PacelineError } from '../errors.js';
import { hasRoom, isFull, storeFull } from './room.js';
import { throttled } from '../throttled.js';
import type { Catalogue, Entry } from './catalogue.js';
import { Digest } from './digest.js';
import type { Locks } from './locks.js';
import { checkName, nameOf } from './names.js';
import type { Appender, Shelf } from './shelf.js';
import { isKnown, transfer, type Transfer } from './transfer.js';
import type { DownloadOptions, ImportOptions, StoredModel, StoreProgress } from './types.js';
import { checked } from './checked.js';

/** What a vault is made of. */
export interface VaultParts {
  shelf: Shelf;
  catalogue: Catalogue;
  locks: Locks;
}

/** A file being read, and its length in bytes. */
export interface StoredBytes {
  stream: ReadableStream<Uint8Array>;
  size: number;
}

/** How often somebody who waits for another tab's download is told how far that is, in ms. */
const WATCH_MS = 250;

/** A lock that no model can have: names are not empty. */
const NAMES = '';

/** Models on a {@link Shelf}. */
export class Vault {
  readonly #shelf: Shelf;
  readonly #catalogue: Catalogue;
  readonly #locks: Locks;

  constructor({ shelf, catalogue, locks }: VaultParts) {
    this.#shelf = shelf;
    this.#catalogue = catalogue;
    this.#locks = locks;
  }

  /** All models, by name. */
  async list(): Promise<StoredModel[]> {
    const entries = await this.#catalogue.all();
    const models = await Promise.all(entries.map(entry => this.#describe(entry)));
    return models.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** See `ModelStore.download`. */
  async download(url: string, options: DownloadOptions = {}): Promise<StoredModel> {
    const { signal, force = false } = options;
    const name = await this.#nameFor(url, options.name, signal);
    return this.#writing(name, options, async tell => {
      const before = await this.#catalogue.get(name);
      const wanted = options.sha256?.toLowerCase();
      if (before && !force && (await this.#isWhole(before)) && fits(before, url, wanted)) {
        return this.#touch(before);
      }
      const version = { etag: before?.etag, modified: before?.modified };
      const resumable = before?.complete === false && before.url === url && !force && isKnown(version);
      return this.#fill(name, options, tell, resumable, async at => {
        const file = await transfer(url, at, version, signal);
        const { etag, modified } = file.version;
        await this.#begin({ name, url, etag, modified, total: file.total }, before);
        return file;
      });
    });
  }

  /** See `ModelStore.import`. */
  async import(
    name: string,
    { stream, size }: { stream: ReadableStream<Uint8Array>; size: number | undefined },
    options: ImportOptions = {},
  ): Promise<StoredModel> {
    checkName(name);
    return this.#writing(name, options, async tell => {
      const before = await this.#catalogue.get(name);
      return this.#fill(name, options, tell, false, async () => {
        await this.#begin({ name, total: size }, before);
        return { stream, at: 0, total: size, version: { etag: undefined, modified: undefined } };
      });
    });
  }

  /** See `ModelStore.get`. */
  async get(name: string): Promise<Blob> {
    return this.#locks(name, 'shared', undefined, async () => (await this.#whole(name)).blob);
  }

  /** What is known of a model, where it is there. */
  async find(name: string): Promise<StoredModel | undefined> {
    const entry = await this.#catalogue.get(name);
    return entry && this.#describe(entry);
  }

  /**
   * Gives the model's bytes to `read`, each block compared with its hash; nobody changes the model meanwhile. A block
   * that differs makes the stream fail with `store-corrupt`.
   */
  async reading<T>(
    name: string,
    signal: AbortSignal | undefined,
    read: (bytes: StoredBytes) => Promise<T>,
  ): Promise<T> {
    return this.#locks(name, 'shared', signal, async () => {
      const { blob, entry } = await this.#whole(name);
      return read({ stream: checked(blob, entry.blocks ?? [], name), size: blob.size });
    });
  }

  /** See `ModelStore.verify`. */
  async verify(name: string, signal?: AbortSignal): Promise<boolean> {
    return this.#locks(name, 'shared', signal, async () => {
      const { blob, entry } = await this.#present(name);
      const digest = new Digest();
      await pump(blob.stream(), signal, bytes => digest.update(bytes));
      return (await digest.finish()).sha256 === entry.sha256;
    });
  }

  /** See `ModelStore.delete`. */
  async delete(name: string): Promise<void> {
    await this.#locks(name, 'exclusive', undefined, () => this.#remove(name));
  }

  /** Removes a model of which nothing came. */
  async #forgetEmpty(name: string): Promise<void> {
    const model = await this.find(name);
    if (model?.bytes === 0 && !model.complete) {
      await this.#remove(name);
    }
  }

  async #remove(name: string): Promise<void> {
    await this.#shelf.remove(name);
    await this.#catalogue.delete(name);
  }

  /** The name of the file at `url`. It is taken from then on, so that two addresses never share one. */
  #nameFor(url: string, name: string | undefined, signal: AbortSignal | undefined): Promise<string> {
    if (name !== undefined) {
      return Promise.resolve(checkName(name));
    }
    return this.#locks(NAMES, 'exclusive', signal, async () => {
      const entries = new Map((await this.#catalogue.all()).map(entry => [entry.name, entry]));
      const name = nameOf(url, name => entries.get(name)?.url, [...entries.keys()]);
      if (!entries.has(name)) {
        await this.#begin({ name, url }, undefined);
      }
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
      const model = await this.find(name);
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

  /** Writes a file: what is there of it where `resumable`, then what `begin` gives from there on. */
  async #fill(
    name: string,
    { sha256, signal }: ImportOptions,
    tell: (progress: StoreProgress) => void,
    resumable: boolean,
    begin: (at: number) => Promise<Transfer>,
  ): Promise<StoredModel> {
    let file: Transfer | undefined;
    let appender: Appender | undefined;
    try {
      const kept = resumable ? await this.#shelf.blob(name) : undefined;
      file = await begin(kept?.size ?? 0);
      await hasRoom(name, file.total === undefined ? 0 : file.total - file.at);
      appender = await this.#shelf.append(name);
      const { digest, stream, total } = await this.#prepare(appender, file, kept, signal);
      const out = appender;
      if (out.size > 0) {
        tell(progressOf(out.size, total));
      }
      await pump(stream, signal, async bytes => {
        await out.append(bytes);
        tell(progressOf(out.size, total));
        await digest.update(bytes);
      });
      await appender.close();
      const { size } = appender;
      appender = undefined;
      if (total !== undefined && size !== total) {
        throw new PacelineError(
          'source-io',
          `${name} ended after ${size} of ${total} bytes; download it again to get the rest`,
        );
      }
      tell(progressOf(size, size));
      return await this.#complete(name, size, await digest.finish(), sha256?.toLowerCase());
    } catch (error) {
      await file?.stream.cancel(error).catch(() => {});
      if (isFull(error)) {
        await appender?.close().catch(() => {});
        await this.#remove(name);
        throw await storeFull(name, error);
      }
      // What has come stays, so that the next download goes on from there.
      await appender?.close().catch(() => {});
      await this.#forgetEmpty(name);
      throw error;
    }
  }

  /** Brings file and hash to where `file` goes on. */
  async #prepare(
    appender: Appender,
    file: Transfer,
    kept: Blob | undefined,
    signal: AbortSignal | undefined,
  ) {
    const digest = new Digest();
    if (file.at > 0 && kept && appender.size === file.at) {
      await pump(kept.stream(), signal, bytes => digest.update(bytes));
    } else if (file.at > 0) {
      throw new PacelineError('store-busy', 'the file changed while its download began; try again');
    } else {
      await appender.clear();
    }
    return { digest, stream: file.stream, total: file.total };
  }

  /** Writes down that a file is being written. */
  #begin(about: Partial<Entry> & { name: string }, before: Entry | undefined): Promise<void> {
    const now = Date.now();
    return this.#catalogue.put({ ...about, complete: false, added: before?.added ?? now, used: now });
  }

  /** Writes down that a file is whole. */
  async #complete(
    name: string,
    size: number,
    hashes: { sha256: string; blocks: string[] },
    wanted: string | undefined,
  ): Promise<StoredModel> {
    if (wanted !== undefined && wanted !== hashes.sha256) {
      await this.#remove(name);
      throw new PacelineError(
        'store-checksum',
        `${name} has the SHA-256 ${hashes.sha256} and should have ${wanted}; check the address, or the checksum`,
      );
    }
    const entry = await this.#catalogue.get(name);
    if (!entry) {
      throw missing(name);
    }
    const whole: Entry = { ...entry, ...hashes, total: size, complete: true, used: Date.now() };
    await this.#catalogue.put(whole);
    return this.#describe(whole);
  }

  async #touch(entry: Entry): Promise<StoredModel> {
    const touched = { ...entry, used: Date.now() };
    // That nobody could write it down (the disk is full, say) is no reason not to use the model.
    await this.#catalogue.put(touched).catch(() => {});
    return this.#describe(touched);
  }

  async #isWhole(entry: Entry): Promise<boolean> {
    return entry.complete && (await this.#shelf.blob(entry.name))?.size === entry.total;
  }

  /** A complete model; throws where it is not there or not complete. */
  async #present(name: string): Promise<{ blob: Blob; entry: Entry }> {
    const entry = await this.#catalogue.get(name);
    const blob = await this.#shelf.blob(name);
    if (!entry || (entry.complete && !blob)) {
      throw missing(name);
    }
    if (!entry.complete) {
      const [have, of] = [blob?.size ?? 0, entry.total ?? 'an unknown number of'];
      throw new PacelineError(
        'store-incomplete',
        `${have} of ${of} bytes of ${name} are there; download it again to get the rest`,
      );
    }
    return { blob: blob ?? new Blob(), entry };
  }

  /** The same, which also throws where the file is not as long as it was. */
  async #whole(name: string): Promise<{ blob: Blob; entry: Entry }> {
    const present = await this.#present(name);
    const { blob, entry } = present;
    if (blob.size !== entry.total) {
      throw new PacelineError(
        'store-corrupt',
        `${name} has ${blob.size} bytes in the store and should have ${entry.total}; download it again`,
      );
    }
    await this.#touch(entry);
    return present;
  }

  async #describe(entry: Entry): Promise<StoredModel> {
    const { name, url, total, sha256, complete, added, used } = entry;
    const bytes = (await this.#shelf.blob(name))?.size ?? 0;
    return {
      name,
      ...(url !== undefined && { url }),
      bytes,
      ...(total !== undefined && { total }),
      ...(sha256 !== undefined && { sha256 }),
      complete: complete && bytes === total,
      added: new Date(added),
      used: new Date(used),
    };
  }
}

/** Whether a complete model is what is wanted: by its hash where there is one to compare, else by its address. */
function fits(entry: Entry, url: string, wanted: string | undefined): boolean {
  return wanted === undefined ? entry.url === url : entry.sha256 === wanted;
}

function progressOf(loaded: number, total: number | undefined): StoreProgress {
  return total === undefined ? { loaded } : { loaded, total };
}

function missing(name: string): PacelineError {
  return new PacelineError('store-missing', `there is no ${name} in the store; download or import it first`);
}

/** Hands on all of `stream`. A stream that fails is `source-io`, unless it failed for an abort or has a code. */
async function pump(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await next(reader, signal);
      if (done) {
        return;
      }
      await take(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    reader.releaseLock();
  }
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
  try {
    return await reader.read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PacelineError) {
      throw error;
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new PacelineError('source-io', `the file broke off (${why}); try again, it goes on from there`, {
      cause: error,
    });
  }
}
