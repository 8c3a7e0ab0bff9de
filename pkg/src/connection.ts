/**
 * The page's end of the worker: requests out, events and answers in, aborts at any time.
 * @module
 */

import { abortError, fromMessage, PacelineError } from './errors.js';
import type { Operation, Operations, Reply, Request } from './protocol.js';

interface Pending {
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
  onEvent: ((event: never) => void) | undefined;
  signal: AbortSignal | undefined;
  onAbort: () => void;
}

/** How to carry out a request. */
export interface RequestOptions<K extends Operation> {
  /** Called with what the worker tells on the way. */
  onEvent?: ((event: Operations[K]['event']) => void) | undefined;
  /** Aborts the request: its promise rejects at once, and nothing more is heard of it. */
  signal?: AbortSignal | undefined;
  /** What is transferred, not copied. */
  transfer?: Transferable[] | undefined;
}

/** A worker and the requests that it is working on. */
export class Connection {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  /** Why there can be no more requests. */
  #closed: PacelineError | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', event => this.#receive((event as MessageEvent<Reply>).data));
    worker.addEventListener('messageerror', () => this.#crash('it sent an unreadable message'));
    worker.addEventListener('error', event => {
      event.preventDefault();
      this.#crash((event as ErrorEvent).message || 'its script did not load');
    });
  }

  /** Whether the worker is gone. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Asks the worker for `type`. */
  request<K extends Operation>(
    type: K,
    request: Operations[K]['request'],
    { onEvent, signal, transfer = [] }: RequestOptions<K> = {},
  ): Promise<Operations[K]['answer']> {
    if (this.#closed) {
      return Promise.reject(this.#closed);
    }
    if (signal?.aborted) {
      return Promise.reject(abortError(signal));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#worker.postMessage({ type: 'abort', id } satisfies Request);
        this.#settle(id)?.reject(abortError(signal));
      };
      this.#worker.postMessage({ type, id, ...request }, transfer);
      this.#pending.set(id, { resolve, reject, onEvent, signal, onAbort });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Ends the worker and rejects everything that it was working on with `reason`. */
  close(reason: PacelineError): void {
    if (this.#closed) {
      return;
    }
    this.#closed = reason;
    this.#worker.terminate();
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id)?.reject(reason);
    }
  }

  #crash(why: string): void {
    this.close(new PacelineError('engine-crashed', `the worker failed: ${why}; load the model again`));
  }

  #receive(reply: Reply): void {
    switch (reply.type) {
      case 'event':
        this.#pending.get(reply.id)?.onEvent?.(reply.event as never);
        break;
      case 'done':
        this.#settle(reply.id)?.resolve(reply.answer as never);
        break;
      case 'failed': {
        const pending = this.#settle(reply.id);
        pending?.reject(fromMessage(reply.error, pending.signal));
        break;
      }
      case 'crashed':
        this.close(new PacelineError(reply.error.code, reply.error.message));
        break;
    }
  }

  /** Takes a request off the list; `undefined` where it is no longer on it (an abort was faster). */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.signal?.removeEventListener('abort', pending.onAbort);
    return pending;
  }
}
