/**
 * Opens a store's vault with what the browser has.
 * @module
 */

import { PacelineError } from '../errors.js';
import { CacheShelf } from './cache.js';
import { openCatalogue } from './catalogue.js';
import { webLocks } from './locks.js';
import { checkName } from './names.js';
import { OpfsShelf } from './opfs.js';
import type { Shelf } from './shelf.js';
import { Vault } from './vault.js';

/** A vault, and what it stands on. */
export interface OpenVault {
  vault: Vault;
  backend: Shelf['backend'];
}

const opened = new Map<string, Promise<OpenVault>>();

/**
 * Opens the store called `directory`, once.
 *
 * @throws {@link PacelineError} `store-unavailable` where the browser keeps nothing for this page
 */
export function openVault(directory: string): Promise<OpenVault> {
  checkName(directory);
  let vault = opened.get(directory);
  if (!vault) {
    vault = open(directory);
    opened.set(directory, vault);
    vault.catch(() => opened.delete(directory));
  }
  return vault;
}

async function open(directory: string): Promise<OpenVault> {
  try {
    if (!navigator.locks || !globalThis.indexedDB || !crypto.subtle) {
      throw new Error('the page has no secure context');
    }
    const shelf = await openShelf(directory);
    const vault = new Vault({
      shelf,
      catalogue: await openCatalogue(directory),
      locks: webLocks(directory),
    });
    return { vault, backend: shelf.backend };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PacelineError(
      'store-unavailable',
      `this page has no storage for models (${why}); serve it over HTTPS, and allow it to keep data`,
      { cause: error },
    );
  }
}

async function openShelf(directory: string): Promise<Shelf> {
  try {
    return await OpfsShelf.open(directory);
  } catch (error) {
    // Firefox in a private window, and browsers of before 2022.
    if (!globalThis.caches) {
      throw error;
    }
    return await CacheShelf.open(directory);
  }
}
