/**
 * The worker's entry: starts the wasm module and serves the page.
 * @module
 */

import type { Backend } from './engine/worker/backend.js';
import { serve } from './engine/worker/serve.js';
import { PacelineError } from './errors.js';
import init, { lastPanic, load } from './paceline.js';
import { crashMessage, toMessage } from './wire/errors.js';
import type { Reply, Request } from './wire/protocol.js';

const post = (reply: Reply) => self.postMessage(reply);

async function start(): Promise<Backend> {
  const url = new URL('./paceline_bg.wasm', import.meta.url);
  try {
    const { memory } = await init({ module_or_path: url });
    return { load, lastPanic, memory: () => memory.buffer.byteLength };
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
const crash = async (error: unknown) => {
  const { lastPanic } = await started;
  post({ type: 'crashed', error: crashMessage(lastPanic() ?? toMessage(error).message) });
};
self.addEventListener('error', event => void crash(event.error ?? event.message));
self.addEventListener('unhandledrejection', event => void crash(event.reason));
