/**
 * The worker's entry: starts the wasm module and serves the page.
 * @module
 */

import type { Backend } from './engine/worker/backend.js';
import { hire } from './engine/worker/helpers.js';
import { serve } from './engine/worker/serve.js';
import { PacelineError } from './errors.js';
import init, { lastPanic, load } from './paceline.js';
import { crashMessage, toMessage } from './wire/errors.js';
import type { Reply, Request } from './wire/protocol.js';

const post = (reply: Reply) => self.postMessage(reply);

/** Pages of 64 KiB: what the module is linked for (`xtask/src/build/memory.rs`). */
const PAGES = { initial: 33, maximum: 65536 };

/** Starts the module, on several threads where that works. */
async function start(threads: number): Promise<Backend> {
  const several = threads > 1 ? await startShared(threads).catch(() => undefined) : undefined;
  return several ?? startAlone();
}

async function startAlone(): Promise<Backend> {
  const url = new URL('./paceline_bg.wasm', import.meta.url);
  try {
    const memory = new WebAssembly.Memory(PAGES);
    await init({ module_or_path: url, memory });
    return backend(memory, 1);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PacelineError(
      'engine-missing',
      `${url} could not be started (${why}); serve it beside worker.js`,
    );
  }
}

/** The same module, except that its memory is shared. */
async function startShared(threads: number): Promise<Backend> {
  const memory = new WebAssembly.Memory({ ...PAGES, shared: true });
  fillSharedAtRandom();
  const response = await fetch(new URL('./paceline_threads_bg.wasm', import.meta.url));
  const streams = response.headers.get('Content-Type') === 'application/wasm';
  const module = await (streams
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer()));
  const { team_stack } = await init({ module_or_path: module, memory });
  const helpers = await hire(threads - 1, { module, memory }, team_stack).catch(() => 0);
  return backend(memory, helpers + 1);
}

/** Lets the module ask for random bytes in its memory, which browsers refuse where that is shared. */
function fillSharedAtRandom(): void {
  const real = crypto.getRandomValues.bind(crypto);
  crypto.getRandomValues = array => {
    const numbers = array as unknown as Uint8Array;
    numbers.set(real(numbers.slice()));
    return array;
  };
}

function backend(memory: WebAssembly.Memory, threads: number): Backend {
  return { load, lastPanic, threads, memory: () => memory.buffer.byteLength };
}

let started: Promise<Backend> | undefined;

const handle = serve(threads => (started ??= start(threads)), post);
self.addEventListener('message', (event: MessageEvent<Request>) => handle(event.data));

// A panic traps inside a task that nobody awaits: the request would hang.
const crash = async (error: unknown) => {
  const module = await started?.catch(() => undefined);
  post({ type: 'crashed', error: crashMessage(module?.lastPanic() ?? toMessage(error).message) });
};
self.addEventListener('error', event => {
  if (event.error instanceof WebAssembly.RuntimeError) {
    // Or the page is told of the trap first, which does not say why.
    event.preventDefault();
  }
  void crash(event.error ?? event.message);
});
self.addEventListener('unhandledrejection', event => void crash(event.reason));
