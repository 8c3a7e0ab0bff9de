/**
 * The store itself: what is where it runs, be that a worker or a test. `ModelStore` is what pages see of it.
 * @module
 */

import { PacelineError } from '../errors.js';
import { fileName } from '../shards.js';
import { hasRoom, isFull, storeFull } from './room.js';
import { throttled } from '../throttled.js';
import type { Catalogue, Entry } from './catalogue.js';
import { Digest } from './digest.js';
import type { Locks } from './locks.js';
import { checkName, nameOf } from './names.js';
import { importParts, transferParts, type Part } from './parts.js';
import type { Appender, Shelf } from './shelf.js';
import { isKnown, NO_VERSION, transfer, type Transfer } from './transfer.js';
import type { DownloadOptions, ImportOptions, StoredModel, StoredPart, StoreProgress } from './types.js';
import { checked } from './checked.js';

/** What a vault is made of. */
export interface VaultParts {
  shelf: Shelf;
  catalogue: Catalogue;
  locks: Locks;
}

/** A file that is there: all of a model, or one of several. */
export interface StoredFile {
  name: string | undefined;
  size: number;
  /** Its bytes from `at` on. */
  open(at: number): ReadableStream<Uint8Array>;
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

  /** See `ModelStore.download`. `urls` are the files of a split model, or that of a whole one. */
  async download(urls: string | readonly string[], options: DownloadOptions = {}): Promise<StoredModel> {
    const given = typeof urls === 'string' ? [urls] : urls;
    const { signal, force = false } = options;
    const name = await this.#nameFor(given, options.name, signal);
    return this.#writing(name, options, async tell => {
      const before = await this.#catalogue.get(name);
      const wanted = options.sha256?.toLowerCase();
      if (before && !force && (await this.#isWhole(before)) && fits(before, given, wanted)) {
        return this.#touch(before);
      }
      // Files in another order are the same model, but not the same bytes for a hash of all.
      const all = before && wanted === undefined && isFrom(before, given) ? addressesOf(before) : given;
      const begun = before?.complete === false && isEqual(addressesOf(before), all) && !force;
      const [url = ''] = all;
      if (all.length > 1) {
        const parts = all.map((url, i) => ({ name: fileName(url), ...(begun && before.parts?.[i]), url }));
        return this.#fill(name, options, tell, begun, async at => {
          const file = await transferParts(parts, at, signal, parts => this.#note(name, parts));
          await this.#begin({ name, url, parts: file.parts, total: file.total }, before);
          return file;
        });
      }
      const version = { etag: before?.etag, modified: before?.modified };
      return this.#fill(name, options, tell, begun && isKnown(version), async at => {
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
    files: ImportFile | readonly ImportFile[],
    options: ImportOptions = {},
  ): Promise<StoredModel> {
    checkName(name);
    const all = 'stream' in files ? [files] : files;
    return this.#writing(name, options, async tell => {
      const before = await this.#catalogue.get(name);
      return this.#fill(name, options, tell, false, async () => {
        const [only] = all;
        if (only && all.length === 1) {
          await this.#begin({ name, total: only.size }, before);
          return { stream: only.stream, at: 0, total: only.size, version: NO_VERSION };
        }
        const file = importParts(all, parts => this.#note(name, parts));
        await this.#begin({ name, parts: file.parts, total: file.total }, before);
        return file;
      });
    });
  }

  /** See `ModelStore.get`. */
  async get(name: string): Promise<Blob> {
    // Without a lock: one that is being written is incomplete, and says so at once.
    return (await this.#whole(name)).blob;
  }

  /** What is known of a model, where it is there. */
  async find(name: string): Promise<StoredModel | undefined> {
    const entry = await this.#catalogue.get(name);
    return entry && this.#describe(entry);
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
      const { blob, entry } = await this.#whole(name);
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
      const entries = await this.#catalogue.all();
      const known = entries.find(entry => isFrom(entry, urls));
      if (known) {
        return known.name;
      }
      const name = nameOf(urls, new Set(entries.map(entry => entry.name)));
      const parts = urls.length > 1 ? urls.map(url => ({ name: fileName(url), url })) : undefined;
      await this.#begin({ name, url: urls[0], parts }, undefined);
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
    if (file.at > 0) {
      if (!kept || appender.size !== kept.size) {
        throw new PacelineError('store-busy', 'the file changed while its download began; try again');
      }
      await pump(kept.slice(0, file.at).stream(), signal, bytes => digest.update(bytes));
    }
    if (appender.size !== file.at) {
      await appender.truncate(file.at);
    }
    return { digest, stream: file.stream, total: file.total };
  }

  /** Writes down that a file is being written. */
  #begin(about: Partial<Entry> & { name: string }, before: Entry | undefined): Promise<void> {
    const now = Date.now();
    return this.#catalogue.put({ ...about, complete: false, added: before?.added ?? now, used: now });
  }

  /** Writes down what is known of a model's files. */
  async #note(name: string, parts: Part[]): Promise<void> {
    const entry = await this.#catalogue.get(name);
    if (entry) {
      await this.#catalogue.put({ ...entry, parts: [...parts] });
    }
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
    const { name, url, parts, total, sha256, complete, added, used } = entry;
    const bytes = (await this.#shelf.blob(name))?.size ?? 0;
    return {
      name,
      ...(url !== undefined && { url }),
      bytes,
      ...(total !== undefined && { total }),
      ...(sha256 !== undefined && { sha256 }),
      ...(parts && { parts: parts.map(describePart) }),
      complete: complete && bytes === total,
      added: new Date(added),
      used: new Date(used),
    };
  }
}

/** Whether a complete model is what is wanted: by its hash where there is one to compare, else by its address. */
function fits(entry: Entry, urls: readonly string[], wanted: string | undefined): boolean {
  return wanted === undefined ? isFrom(entry, urls) : entry.sha256 === wanted;
}

/** Whether a model came from these addresses, in whatever order: all of them, and no others. */
function isFrom(entry: Entry, urls: readonly string[]): boolean {
  const from = addressesOf(entry);
  return from.length > 0 && isEqual([...from].sort(), [...urls].sort());
}

/** Where all of a model came from, in the order that its files have; none where one did not come from an address. */
function addressesOf({ url, parts }: Entry): string[] {
  const urls = parts?.map(part => part.url) ?? [url];
  return urls.every(url => url !== undefined) ? urls : [];
}

function isEqual(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((url, i) => url === others[i]);
}

function describePart({ name, url, total }: Part): StoredPart {
  return {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(total !== undefined && { bytes: total }),
  };
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
