/**
 * What is known of each stored model, in IndexedDB: a change is there as a whole or not at all, whatever the other tabs do.
 * @module
 */

import type { Part } from './parts.js';
import { isFull, storeFull } from './room.js';

/** What is known of a model. How many bytes of it are there, only the shelf knows. */
export interface Entry {
  name: string;
  url?: string | undefined;
  /** What the server called this version of the file: its `ETag` and `Last-Modified`. */
  etag?: string | undefined;
  modified?: string | undefined;
  /** The files of a split model, which lie one after the other in the file on the shelf. */
  parts?: Part[] | undefined;
  /** Bytes of the whole file. */
  total?: number | undefined;
  /** SHA-256 of the whole file, and of each {@link BLOCK} of it, once it is complete. */
  sha256?: string | undefined;
  blocks?: string[] | undefined;
  complete: boolean;
  /** Milliseconds since 1970. */
  added: number;
  used: number;
}

/** The entries of one store. */
export interface Catalogue {
  get(name: string): Promise<Entry | undefined>;
  all(): Promise<Entry[]>;
  put(entry: Entry): Promise<void>;
  delete(name: string): Promise<void>;
}

const DATABASE = 'paceline-store';
const MODELS = 'models';

/** Opens the catalogue of the store called `directory`. */
export async function openCatalogue(directory: string): Promise<Catalogue> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(MODELS);
  const database = await settled(request);
  // Without this, whoever deletes the database would wait for this page to go.
  database.onversionchange = () => database.close();
  const run = <T>(mode: IDBTransactionMode, ask: (models: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    finished(database.transaction(MODELS, mode), ask);
  const every = IDBKeyRange.bound([directory], [directory, []]);
  return {
    get: name => run('readonly', models => models.get([directory, name])),
    all: () => run('readonly', models => models.getAll(every)),
    put: async entry => {
      try {
        await run('readwrite', models => models.put(entry, [directory, entry.name]));
      } catch (error) {
        throw isFull(error) ? await storeFull(entry.name, error) : error;
      }
    },
    delete: name => run('readwrite', models => models.delete([directory, name])),
  };
}

/** Carries out one request; settles with its transaction, so that what was written is there. */
function finished<T>(
  transaction: IDBTransaction,
  ask: (models: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = ask(transaction.objectStore(MODELS));
    transaction.oncomplete = () => resolve(request.result);
    // While the request's error bubbles, the transaction has none yet.
    transaction.onabort = () => reject(transaction.error ?? request.error);
    transaction.onerror = () => reject(request.error ?? transaction.error);
  });
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
