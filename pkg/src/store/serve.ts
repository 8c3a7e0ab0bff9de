/**
 * The store worker's end: carries out {@link StoreOperations}.
 * @module
 */

import { answering } from '../worker/answering.js';
import { raw } from '../worker/open.js';
import type { ReplyOf, RequestOf } from '../protocol.js';
import { openVault } from './open.js';
import type { StoreOperations } from './protocol.js';

/** Makes the function that takes the page's messages; `post` sends one to the page. */
export function serveStore(
  post: (reply: ReplyOf<StoreOperations>) => void,
): (request: RequestOf<StoreOperations>) => void {
  return answering<StoreOperations>(
    {
      async download({ directory, url, options }, onProgress, signal) {
        const { vault } = await openVault(directory);
        return vault.download(url, { ...options, onProgress, signal });
      },
      async import({ directory, name, source, options }, onProgress, signal) {
        const { vault } = await openVault(directory);
        return vault.import(name, await raw(source, signal), { ...options, onProgress, signal });
      },
      async verify({ directory, name }, _, signal) {
        const { vault } = await openVault(directory);
        return vault.verify(name, signal);
      },
    },
    post,
  );
}
