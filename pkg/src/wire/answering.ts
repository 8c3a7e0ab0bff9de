/**
 * The worker's half of the message protocol, whatever the operations are.
 * @module
 */

import { toMessage, type ErrorMessage } from './errors.js';
import type { OperationsLike, ReplyOf, RequestOf } from './protocol.js';

/** Carries out an operation. `signal` is aborted when the page aborts it. */
export type Handlers<O extends OperationsLike<O>> = {
  [K in keyof O]: (
    request: O[K]['request'],
    tell: (event: O[K]['event']) => void,
    signal: AbortSignal,
  ) => Promise<O[K]['answer']>;
};

/**
 * Makes the function that takes the page's messages.
 *
 * @param handlers - what to do for each operation
 * @param post - sends a message to the page
 * @param crash - gives the reason where an error is the end of the whole worker
 */
export function answering<O extends OperationsLike<O>>(
  handlers: Handlers<O>,
  post: (reply: ReplyOf<O>) => void,
  crash: (error: ErrorMessage) => ErrorMessage | undefined = () => undefined,
): (request: RequestOf<O>) => void {
  const aborts = new Map<number, AbortController>();
  return request => {
    const { id } = request;
    if (request.type === 'abort') {
      aborts.get(id)?.abort();
      return;
    }
    const controller = new AbortController();
    aborts.set(id, controller);
    const handler = handlers[request.type as keyof O];
    handler(request as never, event => post({ type: 'event', id, event }), controller.signal)
      .then(
        answer => post({ type: 'done', id, answer }),
        thrown => {
          const error = toMessage(thrown);
          const end = crash(error);
          post(end ? { type: 'crashed', error: end } : { type: 'failed', id, error });
        },
      )
      .finally(() => aborts.delete(id));
  };
}
