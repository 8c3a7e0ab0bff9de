/**
 * The worker behind an engine, and another one in its place where the GPU device is lost or the worker fails.
 * @module
 */

import type { Posted } from '../bytes/source.js';
import { abortError, PacelineError } from '../errors.js';
import { makeEngineWorker } from '../make-worker.js';
import { checked } from '../options/check.js';
import { shown } from '../options/rules.js';
import { LOAD } from '../options/tables.js';
import type { EngineInfo, LoadOptions } from '../types/load.js';
import { unique } from '../unique.js';
import { Connection, type RequestOptions } from '../wire/connection.js';
import type { Operations, SourceMessage } from '../wire/protocol.js';
import { isOnce, postable, storeUse } from './source.js';

/** A worker that has loaded the models. */
export interface Live {
  connection: Connection;
  info: EngineInfo;
}

/** Loads models, and loads them again where they are lost. */
export class Host {
  readonly #options: LoadOptions;
  #live: Live;
  /** Why `#live` is of no use any more. */
  #lost: PacelineError | undefined;
  /** Aborted when it is disposed of. */
  readonly #end = new AbortController();
  #reviving: Promise<Live> | undefined;

  private constructor(options: LoadOptions, live: Live) {
    // An abort of the load that has succeeded is no abort of the next one.
    this.#options = { ...options, signal: this.#end.signal };
    this.#live = live;
  }

  /** Loads for the first time. */
  static async start(options: LoadOptions): Promise<Host> {
    const copy = { ...checked(options, LOAD, { name: 'options', of: 'load' }) };
    return new Host(copy, await load(copy));
  }

  /** What runs, or ran last. */
  get info(): EngineInfo {
    return this.#live.info;
  }

  /** Whether nothing works any more, except perhaps {@link Host.recover}. */
  get closed(): boolean {
    return this.#end.signal.aborted || (this.#lost === undefined && this.#live.connection.closed);
  }

  /** The worker, where it can be used at once. A closed one is: it rejects everything, and says why. */
  get live(): Live | undefined {
    return this.#lost === undefined ? this.#live : undefined;
  }

  /** The worker, once the models are there again. */
  revived(signal?: AbortSignal): Promise<Live> {
    if (this.#end.signal.aborted) {
      return Promise.reject(abortError(this.#end.signal));
    }
    this.#reviving ??= this.#revive().finally(() => (this.#reviving = undefined));
    return unlessAborted(this.#reviving, signal);
  }

  /** Asks the worker for `type`; the models are loaded again first, where they are lost. */
  async request<K extends keyof Operations>(
    type: K,
    request: Operations[K]['request'],
    options?: RequestOptions<Operations[K]['event']>,
  ): Promise<Operations[K]['answer']> {
    const { connection } = this.live ?? (await this.revived(options?.signal));
    return connection.request(type, request, options);
  }

  /** Gives up a worker whose device is lost: all that it was doing rejects with `reason`. */
  lose(live: Live, reason: PacelineError): void {
    if (live === this.#live && !this.#lost && !this.#end.signal.aborted) {
      this.#lost = reason;
      live.connection.close(reason);
    }
  }

  /** Loads the models again where they are lost. */
  async recover(): Promise<void> {
    const disposed = this.#end.signal.aborted;
    if (!this.#lost && this.#live.connection.closed && !disposed) {
      this.#lost = new PacelineError(
        'engine-crashed',
        'the worker failed, and the model cannot be loaded again',
      );
    }
    if (this.#lost || disposed) {
      await this.revived();
    }
  }

  /** Ends it for good. */
  dispose(): void {
    const reason = new PacelineError('engine-disposed', 'the engine was disposed of; load the model again');
    this.#end.abort(reason);
    this.#live.connection.close(reason);
  }

  async #revive(): Promise<Live> {
    const { target, draft } = this.#options;
    if (this.#lost && (isOnce(target) || isOnce(draft))) {
      throw new PacelineError(
        this.#lost.code,
        `${this.#lost.message} (it came from a stream, which can be read only once)`,
        { cause: this.#lost },
      );
    }
    const live = await load(this.#options);
    if (this.#end.signal.aborted) {
      const reason = abortError(this.#end.signal) as PacelineError;
      live.connection.close(reason);
      throw reason;
    }
    this.#live = live;
    this.#lost = undefined;
    return live;
  }
}

/** Starts a worker and has it load. */
async function load(options: LoadOptions): Promise<Live> {
  const { device = 'auto', capacity, threads, kvCache, precompile, onProgress, signal } = options;
  signal?.throwIfAborted();
  let connection: Connection | undefined;
  let target: Posted<SourceMessage> | undefined;
  let draft: Posted<SourceMessage> | undefined;
  try {
    const store = storeUse(options.cache);
    target = postable(options.target, store, 'target');
    draft = options.draft === undefined ? undefined : postable(options.draft, store, 'draft');
    connection = new Connection(newWorker(options.worker));
    const alive = `paceline-worker/${unique()}`;
    const request = {
      target: target.message,
      draft: draft?.message,
      device,
      capacity,
      threads,
      kvCache,
      precompile,
      alive,
    };
    const transfer = [...target.transfer, ...(draft?.transfer ?? [])];
    const info = await connection.request('load', request, { onEvent: onProgress, signal, transfer });
    connection.watch(alive);
    return { connection, info };
  } catch (error) {
    // A worker holds all of a load's memory: ending it frees everything.
    connection?.close(new PacelineError('engine-disposed', 'the load failed'));
    target?.cancel();
    draft?.cancel();
    throw error;
  }
}

/** Workers that have had an engine: one that was ended would never answer, another engine's would mix the two up. */
const taken = new WeakSet<Worker>();

function newWorker(make: LoadOptions['worker'] = makeEngineWorker): Worker {
  const worker: Worker | null | undefined = make();
  if (typeof worker?.postMessage !== 'function' || taken.has(worker)) {
    const what = taken.has(worker as Worker) ? 'one that has had an engine already' : shown(worker);
    throw new PacelineError('invalid-option', `worker gives ${what}; it must make a new Worker each time`);
  }
  taken.add(worker);
  return worker;
}

/** The same promise, except that it rejects on an abort. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) {
    return promise;
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
