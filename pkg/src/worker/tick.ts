/**
 * Letting the worker's event loop run, so that messages (an abort, say) arrive between two pieces of work.
 * @module
 */

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.onmessage = () => waiting.shift()?.();

/** Resolves in a later task. A timer would do too, but browsers clamp those to 4 ms. */
export function tick(): Promise<void> {
  return new Promise(resolve => {
    waiting.push(resolve);
    port2.postMessage(null);
  });
}
