/**
 * The entry of the store's worker.
 * @module
 */

import type { StoreOperations } from './store/protocol.js';
import { serveStore } from './store/serve.js';
import type { RequestOf } from './wire/protocol.js';

const handle = serveStore(reply => self.postMessage(reply));
self.addEventListener('message', (event: MessageEvent<RequestOf<StoreOperations>>) => handle(event.data));
