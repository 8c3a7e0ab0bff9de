/**
 * The engine, as a page sees it.
 * @module
 */

import { Connection } from './connection.js';
import { PacelineError } from './errors.js';
import { makeEngineWorker } from './make-worker.js';
import type { StoreUse } from './protocol.js';
import type { Run } from './run.js';
import { Session } from './session.js';
import { postable, type PostedSource } from './source.js';
import { DEFAULT_DIRECTORY } from './store/directory.js';
import type { ChatMessage, EngineInfo, GenerateOptions, LoadOptions, MemoryInfo } from './types.js';

/**
 * A loaded target, and maybe a draft, in a worker of its own.
 *
 * ```ts
 * const engine = await Paceline.load({ target: 'model.gguf', draft: 'draft.gguf' });
 * for await (const piece of engine.chat([{ role: 'user', content: 'Why is the sky blue?' }])) {
 *   document.body.append(piece.text);
 * }
 * ```
 *
 * An engine does one generation at a time; further ones wait their turn. Several at a time need a {@link Session} each.
 */
export class Paceline {
  /** What runs, and on what. */
  readonly info: EngineInfo;

  readonly #connection: Connection;
  readonly #main: Session;

  private constructor(connection: Connection, info: EngineInfo) {
    this.#connection = connection;
    this.#main = new Session(connection, 0);
    this.info = info;
  }

  /**
   * Loads a target, and a draft where one is given. Model files are streamed: neither the page nor the worker ever
   * holds one as a whole.
   *
   * @throws {@link PacelineError} where a file cannot be used or the device cannot run it; its message names the remedy
   * @throws the signal's reason, an `AbortError` `DOMException` unless it was given another, after an abort
   */
  static async load(options: LoadOptions): Promise<Paceline> {
    const { device = 'auto', capacity, onProgress, signal } = options;
    signal?.throwIfAborted();
    let connection: Connection | undefined;
    let target: PostedSource | undefined;
    let draft: PostedSource | undefined;
    try {
      const store = storeUse(options.cache);
      target = postable(options.target, store);
      draft = options.draft === undefined ? undefined : postable(options.draft, store);
      connection = new Connection((options.worker ?? makeEngineWorker)());
      const request = { target: target.message, draft: draft?.message, device, capacity };
      const transfer = [...target.transfer, ...(draft?.transfer ?? [])];
      const info = await connection.request('load', request, { onEvent: onProgress, signal, transfer });
      return new Paceline(connection, info);
    } catch (error) {
      // A worker holds all of a load's memory: ending it frees everything.
      connection?.close(new PacelineError('engine-disposed', 'the load failed'));
      target?.cancel();
      draft?.cancel();
      throw error;
    }
  }

  /** Continues `prompt`: text, or token ids. */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Run {
    return this.#main.generate(prompt, options);
  }

  /** Answers a conversation, laid out by the model's own chat template. */
  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): Run {
    return this.#main.chat(messages, options);
  }

  /**
   * Another sequence on the same weights, with a conversation of its own: it takes memory for its KV cache alone.
   *
   * @throws {@link PacelineError} where the device has no room for it
   */
  async session(): Promise<Session> {
    return new Session(this.#connection, await this.#connection.request('open', {}));
  }

  /** Token ids of `text`. */
  encode(text: string): Promise<number[]> {
    return this.#connection.request('encode', { text });
  }

  /** Text of token ids, special tokens left out. */
  decode(ids: ArrayLike<number>): Promise<string> {
    return this.#connection.request('decode', { ids: Array.from(ids) });
  }

  /** The text that the model reads for a conversation. */
  render(messages: readonly ChatMessage[]): Promise<string> {
    return this.#connection.request('render', { messages: [...messages] });
  }

  /** Bytes in use. */
  memory(): Promise<MemoryInfo> {
    return this.#connection.request('memory', {});
  }

  /** Whether the engine is gone: it was disposed of, or it crashed. */
  get disposed(): boolean {
    return this.#connection.closed;
  }

  /** Frees everything. What is still running rejects with the code `engine-disposed`. */
  dispose(): void {
    this.#connection.close(
      new PacelineError('engine-disposed', 'the engine was disposed of; load the model again'),
    );
  }
}

/** The store that fetched files are kept in. */
function storeUse(cache: LoadOptions['cache'] = true): StoreUse | undefined {
  if (typeof cache === 'boolean') {
    return cache ? { directory: DEFAULT_DIRECTORY, required: false } : undefined;
  }
  return { directory: cache.directory, required: true };
}
