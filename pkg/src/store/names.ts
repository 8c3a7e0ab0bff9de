/**
 * What models are called in a store.
 * @module
 */

import { fileName, modelName } from '../bytes/shards.js';
import { PacelineError } from '../errors.js';

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
 * A name for the model at `urls`, the files of a split one: that of its (first) file, with something of all addresses
 * behind it where another model has that name already.
 */
export function nameOf(urls: readonly string[], taken: ReadonlySet<string>): string {
  const [url = ''] = urls;
  const file = fileName(url) ?? 'model';
  const plain = (urls.length > 1 ? modelName(file) : file).slice(-80);
  let name = plain;
  for (let salt = ''; taken.has(name); salt += ' ') {
    name = `${plain}~${fingerprint([...urls].sort().join(' ') + salt)}`;
  }
  return name;
}

/** FNV-1a: 32 bits that tell a handful of addresses apart. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
