/**
 * The page's end of the worker: requests out, events and answers in, aborts at any time.
 * @module
 */

import { abortError, PacelineError } from '../errors.js';
import { fromMessage } from './errors.js';
import type { Operations, OperationsLike, ReplyOf } from './protocol.js';

interface Pending {
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
  onEvent: ((event: never) => void) | undefined;
  signal: AbortSignal | undefined;
  onAbort: () => void;
}

/** How to carry out a request. */
export interface RequestOptions<Event> {
  /** Called with what the worker tells on the way. */
  onEvent?: ((event: Event) => void) | undefined;
  /** Aborts the request: its promise rejects at once, and nothing more is heard of it. */
  signal?: AbortSignal | undefined;
  /** Has the promise of an aborted request reject only when the worker has ended it. */
  patient?: boolean | undefined;
  /** What is transferred, not copied. */
  transfer?: Transferable[] | undefined;
}

/** A worker and the requests that it is working on. */
export class Connection<O extends OperationsLike<O> = Operations> {
  readonly #worker: Worker;
  readonly #crashError: (why: string) => PacelineError;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  /** Aborted when the connection is closed. */
  readonly #end = new AbortController();
  /** Why there can be no more requests. */
  #closed: PacelineError | undefined;

  /**
   * @param crashError - the error that everything rejects with after the worker's failure
   */
  constructor(worker: Worker, crashError: (why: string) => PacelineError = engineCrashed) {
    this.#worker = worker;
    this.#crashError = crashError;
    worker.addEventListener('message', event => this.#receive((event as MessageEvent<ReplyOf<O>>).data));
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
  request<K extends keyof O>(
    type: K,
    request: O[K]['request'],
    { onEvent, signal, transfer = [], patient = false }: RequestOptions<O[K]['event']> = {},
  ): Promise<O[K]['answer']> {
    if (this.#closed) {
      return Promise.reject(this.#closed);
    }
    if (signal?.aborted) {
      return Promise.reject(abortError(signal));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#worker.postMessage({ type: 'abort', id });
        if (!patient) {
          this.#settle(id)?.reject(abortError(signal));
        }
      };
      this.#worker.postMessage({ type, id, ...request }, transfer);
      this.#pending.set(id, { resolve, reject, onEvent, signal, onAbort });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * Notices the worker's end, of which browsers tell nothing: it holds the lock `name` for as long as it lives (see
   * `alive.ts`).
   */
  watch(name: string): void {
    const { signal } = this.#end;
    globalThis.navigator?.locks
      ?.request(name, { signal }, async () => this.#crash('it was ended'))
      .catch(() => {}); // The connection was closed first.
  }

  /** Ends the worker and rejects everything that it was working on with `reason`. */
  close(reason: PacelineError): void {
    if (this.#closed) {
      return;
    }
    this.#closed = reason;
    this.#end.abort();
    this.#worker.terminate();
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id)?.reject(reason);
    }
  }

  #crash(why: string): void {
    this.close(this.#crashError(why));
  }

  #receive(reply: ReplyOf<O>): void {
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

function engineCrashed(why: string): PacelineError {
  return new PacelineError(
    'engine-crashed',
    `the worker failed (${why}); call recover(), or load the model again`,
  );
}
