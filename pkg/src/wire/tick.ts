/**
 * Letting the event loop run, so that messages (an abort, say) arrive between two pieces of work.
 * @module
 */

/** Node ends when nothing is referenced any more; browsers know no such thing. */
type Port = MessagePort & { ref?: () => void; unref?: () => void };

const waiting: (() => void)[] = [];
let ends: { sender: Port; receiver: Port } | undefined;

/** Resolves in a later task. A timer would do too, but browsers clamp those to 4 ms. */
export function tick(): Promise<void> {
  return new Promise(resolve => {
    ends ??= open();
    waiting.push(resolve);
    ends.receiver.ref?.();
    ends.sender.postMessage(null);
  });
}

/** Opened by the first tick: who merely imports the package has nothing to wait for. */
function open(): { sender: Port; receiver: Port } {
  const { port1, port2 } = new MessageChannel();
  const receiver: Port = port1;
  receiver.onmessage = () => {
    waiting.shift()?.();
    if (waiting.length === 0) {
      receiver.unref?.();
    }
  };
  return { sender: port2, receiver };
}
