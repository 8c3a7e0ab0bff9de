/**
 * The entry of the store's worker.
 * @module
 */

import type { RequestOf } from './protocol.js';
import type { StoreOperations } from './store/protocol.js';
import { serveStore } from './store/serve.js';

const handle = serveStore(reply => self.postMessage(reply));
self.addEventListener('message', (event: MessageEvent<RequestOf<StoreOperations>>) => handle(event.data));
