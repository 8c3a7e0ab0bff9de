/**
 * What start-up timing and generations found out, remembered for each adapter in IndexedDB. Where there is none (private windows, say)
 * nothing is remembered, and the engine measures anew.
 * @module
 */

import type { Tuning } from './backend.js';

const DATABASE = 'paceline';
const STORE = 'tuning';

/** What was remembered for `adapter`. */
export async function recall(adapter: string): Promise<Tuning | undefined> {
  const tuning = await inStore('readonly', store => store.get(adapter));
  return tuning as Tuning | undefined;
}

/** Remembers `tuning` for `adapter`. */
export async function remember(adapter: string, tuning: Tuning): Promise<void> {
  await inStore('readwrite', store => store.put(tuning, adapter));
}

/** Runs one request; `undefined` where the store fails, which is never worth an error. */
async function inStore(
  mode: IDBTransactionMode,
  request: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  let database: IDBDatabase | undefined;
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    database = (await settled(opening)) as IDBDatabase;
    return await settled(request(database.transaction(STORE, mode).objectStore(STORE)));
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}

function settled(request: IDBRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
