/**
 * The worker's entry: starts the wasm module and serves the page.
 * @module
 */

import init, { load } from './paceline.js';
import type { Reply, Request } from './protocol.js';
import { PacelineError, toMessage } from './errors.js';
import type { Backend } from './worker/backend.js';
import { serve } from './worker/serve.js';

const post = (reply: Reply) => self.postMessage(reply);

async function start(): Promise<Backend> {
  const url = new URL('./paceline_bg.wasm', import.meta.url);
  try {
    const { memory } = await init({ module_or_path: url });
    return { load, memory: () => memory.buffer.byteLength };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PacelineError(
      'engine-missing',
      `${url} could not be started (${why}); serve it beside worker.js`,
    );
  }
}

const started = start();
// The first request that needs the module is told of an error.
started.catch(() => {});

const handle = serve(() => started, post);
self.addEventListener('message', (event: MessageEvent<Request>) => handle(event.data));

// A panic traps inside a task that nobody awaits: the request would hang.
const crash = (error: unknown) => {
  const { message } = toMessage(error);
  post({ type: 'crashed', error: { code: 'engine-crashed', message } });
};
self.addEventListener('error', event => crash(event.error ?? event.message));
self.addEventListener('unhandledrejection', event => crash(event.reason));
