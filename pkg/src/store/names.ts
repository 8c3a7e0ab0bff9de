/**
 * What models are called in a store.
 * @module
 */

import { PacelineError } from '../errors.js';
import { fileName } from '../shards.js';

/** Longest name, in UTF-8 bytes after escaping: file systems allow 255. */
const LONGEST = 240;

/** Refuses a name that no file can have. */
export function checkName(name: string): string {
  const length = typeof name === 'string' ? encodeURIComponent(name).length : 0;
  if (length === 0 || length > LONGEST || name === '.' || name === '..') {
    throw new PacelineError(
      'store-name',
      `${JSON.stringify(name)} cannot be a model's name; give 1 to ${LONGEST} letters`,
    );
  }
  return name;
}

/**
 * A name for the file at `url`: that of the file, with something of the whole address behind it where another address
 * has that name already.
 *
 * @param rename - what a model is called whose (first) file is called so
 */
export function nameOf(
  url: string,
  urlOf: (name: string) => string | undefined,
  taken: string[],
  rename: (file: string) => string = file => file,
): string {
  const known = taken.find(name => urlOf(name) === url);
  if (known !== undefined) {
    return known;
  }
  const name = rename(fileName(url) ?? 'model').slice(-80);
  return taken.includes(name) ? `${name}~${fingerprint(url)}` : name;
}

/** FNV-1a: 32 bits that tell a handful of addresses apart. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
