/**
 * The store worker's end: carries out {@link StoreOperations}.
 * @module
 */

import { raw } from '../bytes/open.js';
import { answering } from '../wire/answering.js';
import type { ReplyOf, RequestOf } from '../wire/protocol.js';
import { openVault } from './open.js';
import type { StoreOperations } from './protocol.js';

/** Makes the function that takes the page's messages; `post` sends one to the page. */
export function serveStore(
  post: (reply: ReplyOf<StoreOperations>) => void,
): (request: RequestOf<StoreOperations>) => void {
  return answering<StoreOperations>(
    {
      async download({ directory, urls, options }, onProgress, signal) {
        const { vault } = await openVault(directory);
        return vault.download(urls, { ...options, onProgress, signal });
      },
      async import({ directory, name, files, options }, onProgress, signal) {
        const { vault } = await openVault(directory);
        const opened = await Promise.all(files.map(file => raw(file, signal)));
        return vault.import(name, opened, { ...options, onProgress, signal });
      },
      async verify({ directory, name }, _, signal) {
        const { vault } = await openVault(directory);
        return vault.verify(name, signal);
      },
    },
    post,
  );
}
