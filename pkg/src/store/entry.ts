/**
 * What is known of a model, compared and described.
 * @module
 */

import { PacelineError } from '../errors.js';
import type { Entry } from './catalogue.js';
import type { Part } from './parts.js';
import type { StoredModel, StoredPart, StoreProgress } from './types.js';

/** Whether a complete model is what is wanted: by its hash where there is one to compare, else by its address. */
export function fits(entry: Entry, urls: readonly string[], wanted: string | undefined): boolean {
  return wanted === undefined ? isFrom(entry, urls) : entry.sha256 === wanted;
}

/** Whether a model came from these addresses, in whatever order: all of them, and no others. */
export function isFrom(entry: Entry, urls: readonly string[]): boolean {
  const from = addressesOf(entry);
  return from.length > 0 && isEqual([...from].sort(), [...urls].sort());
}

/** Where all of a model came from, in the order that its files have; none where one did not come from an address. */
export function addressesOf({ url, parts }: Entry): string[] {
  const urls = parts?.map(part => part.url) ?? [url];
  return urls.every(url => url !== undefined) ? urls : [];
}

export function isEqual(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((url, i) => url === others[i]);
}

/**
 * An entry as pages see it.
 *
 * @param bytes - how many of them are on the shelf
 */
export function describe(entry: Entry, bytes: number): StoredModel {
  const { name, url, parts, total, sha256, complete, added, used } = entry;
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

function describePart({ name, url, total }: Part): StoredPart {
  return {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(total !== undefined && { bytes: total }),
  };
}

/** How far a file is. */
export function progressOf(loaded: number, total: number | undefined): StoreProgress {
  return total === undefined ? { loaded } : { loaded, total };
}

/** The error where there is no such model. */
export function missing(name: string): PacelineError {
  return new PacelineError('store-missing', `there is no ${name} in the store; download or import it first`);
}
