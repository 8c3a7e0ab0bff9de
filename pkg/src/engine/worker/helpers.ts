/**
 * Threads for the CPU: workers that compute parts of what the engine computes, on memory that they share with it (see
 * `src/cpu/team`). They end with the engine's own worker, whatever becomes of that.
 * @module
 */

import { makeThreadWorker } from '../../make-thread-worker.js';

/** What a helper gets first; it answers when it is ready. */
export interface Meeting {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

/** What it gets then. */
export interface Post {
  /** Which member of the team it is. */
  member: number;
  /** The upper end of its stack. */
  stack: number;
}

/** More threads than this find no more memory bandwidth on most machines. */
const MOST = 8;
/** How long a helper may take to be ready, in ms. */
const PATIENCE_MS = 5000;

/** Those who help: browsers may end a worker that nobody holds. */
const helpers: Worker[] = [];

/** How many threads the CPU may compute on here, of the `wanted` ones: memory is shared only on isolated pages. */
export function threadsHere(wanted: number | undefined): number {
  if (globalThis.crossOriginIsolated !== true) {
    return 1;
  }
  const cores = globalThis.navigator.hardwareConcurrency;
  // The page needs one too; of two it needs little.
  return wanted ?? Math.min(MOST, cores > 2 ? cores - 1 : cores);
}

/**
 * Starts helpers of an engine, and leaves those out that are not ready soon.
 *
 * @param makeStack - makes room for a stack
 * @returns how many there are
 */
export async function hire(count: number, meeting: Meeting, makeStack: () => number): Promise<number> {
  const coming = await Promise.all(Array.from({ length: count }, () => come(meeting)));
  for (const worker of coming) {
    if (worker) {
      const member = helpers.push(worker);
      worker.postMessage({ member, stack: makeStack() } satisfies Post);
    }
  }
  return helpers.length;
}

/** A helper that is ready, unless it takes too long. */
function come(meeting: Meeting): Promise<Worker | undefined> {
  const worker = makeThreadWorker();
  return new Promise(resolve => {
    const leaveOut = () => {
      worker.terminate();
      resolve(undefined);
    };
    const late = setTimeout(leaveOut, PATIENCE_MS);
    const settled = (settle: () => void) => () => {
      clearTimeout(late);
      settle();
    };
    worker.addEventListener(
      'message',
      settled(() => resolve(worker)),
      { once: true },
    );
    worker.addEventListener('error', settled(leaveOut), { once: true });
    worker.postMessage(meeting);
  });
}
