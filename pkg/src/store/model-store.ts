/**
 * The store, as a page sees it.
 * @module
 */

import { raw } from '../bytes/open.js';
import { shardUrls } from '../bytes/shards.js';
import { absolute, postableFiles } from '../bytes/source.js';
import { PacelineError } from '../errors.js';
import { makeStoreWorker } from '../make-worker.js';
import { checked } from '../options/check.js';
import { Connection } from '../wire/connection.js';
import { DEFAULT_DIRECTORY } from './directory.js';
import { openVault } from './open.js';
import { DOWNLOAD, IMPORT, OPEN } from './options.js';
import type { StoreOperations } from './protocol.js';
import type {
  DownloadOptions,
  ImportOptions,
  StoreBackend,
  StoredModel,
  StoreProgress,
  StoreUsage,
} from './types.js';
import type { Vault } from './vault.js';

/** A file that can be imported. */
export type ImportSource = Blob | ReadableStream<Uint8Array> | Response;

/**
 * Model files that the browser keeps for this site: in the origin private file system, or in the Cache API where there
 * is none. All tabs see the same models, and only one at a time writes one.
 *
 * ```ts
 * const store = await ModelStore.open();
 * await store.download('/models/model.gguf', { onProgress: ({ loaded, total }) => console.log(loaded, total) });
 * const engine = await Paceline.load({ target: { stored: 'model.gguf' } });
 * ```
 *
 * It can be used in a worker too. What goes wrong is a {@link PacelineError} whose `code` begins with `store-` or
 * `source-`; an abort is the signal's reason, as in Fetch.
 */
export class ModelStore {
  /** What the store is called. Stores of different names know nothing of each other's models. */
  readonly directory: string;

  readonly #vault: Vault;
  readonly #backend: StoreBackend;

  private constructor(directory: string, vault: Vault, backend: StoreBackend) {
    this.directory = directory;
    this.#vault = vault;
    this.#backend = backend;
  }

  /**
   * Opens a store: the one that `Paceline.load` uses, or another.
   *
   * @throws {@link PacelineError} `store-unavailable` where the browser keeps nothing for this page: it is not served
   * over HTTPS (or from localhost), or storage is turned off
   */
  static async open(options: { directory?: string } = {}): Promise<ModelStore> {
    const { directory = DEFAULT_DIRECTORY } = checked(options, OPEN, {
      name: 'options',
      of: 'ModelStore.open',
    });
    const { vault, backend } = await openVault(directory);
    return new ModelStore(directory, vault, backend);
  }

  /** All models, incomplete ones too, by name. */
  list(): Promise<StoredModel[]> {
    return this.#vault.list();
  }

  /**
   * Downloads a model that is not there yet: from one address, or from those of all files of a split one, of which one such
   * as `NAME-00001-of-00003.gguf` will do too. What is there of it from an earlier time is kept, and the rest is asked
   * for, unless the server has another version by now. Where another tab downloads the same model, this waits for it.
   *
   * @throws {@link PacelineError} `source-network`, `source-http` or `source-io` where the bytes do not come,
   * `store-full` where there is no room for them (nothing of the model stays), `store-checksum` where they are not those
   * that `sha256` promises (nothing stays)
   */
  async download(
    url: string | URL | readonly (string | URL)[],
    options: DownloadOptions = {},
  ): Promise<StoredModel> {
    const { onProgress, signal, ...rest } = checked(options, DOWNLOAD, { name: 'options', of: 'download' });
    const urls = isList(url) ? url.map(absolute) : shardUrls(absolute(url));
    if (urls.length === 0) {
      throw new PacelineError('source-invalid', "no address is given; give those of the model's files");
    }
    if (inWorker()) {
      return this.#vault.download(urls, options);
    }
    const request = { directory: this.directory, urls, options: rest };
    return this.#ask('download', request, [], onProgress, signal);
  }

  /**
   * Puts a model into the store, in place of one that has the name already: a file, or all files of a split one, in any
   * order.
   *
   * @throws {@link PacelineError} `store-full`, `store-checksum`, as {@link ModelStore.download} does
   */
  async import(
    name: string,
    source: ImportSource | readonly ImportSource[],
    options: ImportOptions = {},
  ): Promise<StoredModel> {
    const { onProgress, signal, ...rest } = checked(options, IMPORT, { name: 'options', of: 'import' });
    const { message: files, transfer, cancel } = postableFiles(source);
    try {
      if (inWorker()) {
        const opened = await Promise.all(files.map(file => raw(file, signal)));
        return await this.#vault.import(name, opened, options);
      }
      const request = { directory: this.directory, name, files, options: rest };
      return await this.#ask('import', request, transfer, onProgress, signal);
    } catch (error) {
      cancel();
      throw error;
    }
  }

  /**
   * A complete model's file. Its bytes are not in memory. Of a split model, its files one after the other: `parts` in
   * {@link StoredModel} says how long each is.
   *
   * @throws {@link PacelineError} `store-missing` where there is none, `store-incomplete` where a part is missing,
   * `store-corrupt` where the file has another length than it had
   */
  get(name: string): Promise<Blob> {
    return this.#vault.get(name);
  }

  /** Reads the whole file again: whether it still has the SHA-256 that it had when it came. */
  verify(name: string): Promise<boolean> {
    return inWorker()
      ? this.#vault.verify(name)
      : this.#ask('verify', { directory: this.directory, name }, [], undefined, undefined);
  }

  /** Removes a model, complete or not. One that is being loaded or downloaded is removed after that. */
  delete(name: string): Promise<void> {
    return this.#vault.delete(name);
  }

  /** Room in the browser's storage. */
  async usage(): Promise<StoreUsage> {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return { usage, quota, persisted: await navigator.storage.persisted(), backend: this.#backend };
  }

  /** Asks the browser to keep the site's data when room gets short; gives whether it will. */
  persist(): Promise<boolean> {
    return navigator.storage.persist?.() ?? navigator.storage.persisted();
  }

  /** Has the work done by a worker made for it, which ends with it. */
  async #ask<K extends keyof StoreOperations>(
    type: K,
    request: StoreOperations[K]['request'],
    transfer: Transferable[],
    onProgress: ((progress: StoreProgress) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StoreOperations[K]['answer']> {
    signal?.throwIfAborted();
    const worker = new Connection<StoreOperations>(
      makeStoreWorker(),
      why => new PacelineError('store-crashed', `the store's worker failed (${why}); try again`),
    );
    try {
      // Only the worker knows when what has come is safely written.
      return await worker.request(type, request, { onEvent: onProgress, signal, transfer, patient: true });
    } finally {
      worker.close(new PacelineError('store-crashed', 'the work has ended'));
    }
  }
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** Whether this thread may write files itself, and has nothing else to do. */
function inWorker(): boolean {
  const { DedicatedWorkerGlobalScope } = globalThis as { DedicatedWorkerGlobalScope?: new () => unknown };
  return DedicatedWorkerGlobalScope !== undefined && globalThis instanceof DedicatedWorkerGlobalScope;
}
