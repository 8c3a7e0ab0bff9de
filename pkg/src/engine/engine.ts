/**
 * The engine, as a page sees it.
 * @module
 */

import { PacelineError } from '../errors.js';
import { idsOf, messagesOf, textOf } from '../options/input.js';
import type { ChatMessage, GenerateOptions } from '../types/generate.js';
import type { EngineInfo, LoadOptions, MemoryInfo } from '../types/load.js';
import { makeChat, type Chat } from './chat.js';
import { Host } from './host.js';
import type { Run } from './run.js';
import { Session } from './session.js';

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
 *
 * Where the GPU device is lost (the driver was reset, the machine slept), what is being generated rejects with the code
 * `gpu-lost`, and the next call loads the models again first.
 */
export class Paceline {
  /**
   * Answers a conversation, laid out by the model's own chat template. `chat.completions.create` does the same in the
   * terms of OpenAI's API.
   */
  readonly chat: Chat;

  readonly #host: Host;
  readonly #main: Session;

  private constructor(host: Host) {
    this.#host = host;
    this.#main = new Session(host, { connection: host.live?.connection, id: 0 });
    this.chat = makeChat(
      (messages, options) => this.#main.chat(messages, options),
      () => this.info,
    );
  }

  /**
   * Loads a target, and a draft where one is given. Model files are streamed: neither the page nor the worker ever
   * holds one as a whole. Those that are fetched stay in the browser's store (see `LoadOptions.cache`).
   *
   * @throws {@link PacelineError} where a file cannot be used or the device cannot run it; its message names the remedy
   * @throws the signal's reason, an `AbortError` `DOMException` unless it was given another, after an abort
   */
  static async load(options: LoadOptions): Promise<Paceline> {
    return new Paceline(await Host.start(options));
  }

  /** What runs, and on what. It may change where the models had to be loaded again. */
  get info(): EngineInfo {
    return this.#host.info;
  }

  /** Continues `prompt`: text, or token ids. */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Run {
    return this.#main.generate(prompt, options);
  }

  /**
   * Another sequence on the same weights, with a conversation of its own: it takes memory for its KV cache alone.
   *
   * @throws {@link PacelineError} where the device has no room for it
   */
  async session(): Promise<Session> {
    if (Array.from(arguments).some(argument => argument !== undefined)) {
      throw new PacelineError('invalid-option', 'session takes no options; give them to generate or chat');
    }
    const live = this.#host.live ?? (await this.#host.revived());
    const id = await live.connection.request('open', {});
    return new Session(this.#host, { connection: live.connection, id });
  }

  /** Token ids of `text`. */
  async encode(text: string): Promise<number[]> {
    return this.#host.request('encode', { text: textOf(text) });
  }

  /** Text of token ids, special tokens left out. */
  async decode(ids: ArrayLike<number>): Promise<string> {
    return this.#host.request('decode', { ids: idsOf(ids) });
  }

  /** The text that the model reads for a conversation. */
  async render(messages: readonly ChatMessage[]): Promise<string> {
    return this.#host.request('render', { messages: messagesOf(messages) });
  }

  /** Bytes in use. */
  memory(): Promise<MemoryInfo> {
    return this.#host.request('memory', {});
  }

  /**
   * Loads the models again where they are lost: after `engine-crashed`, which nothing else mends, or after `gpu-lost`,
   * without waiting for the next call to do it. Sessions go on with an empty cache. Files come from the store, or from
   * where they came from.
   *
   * @throws {@link PacelineError} where that fails: a model that came from a stream cannot be read twice. It can be
   * tried again.
   */
  recover(): Promise<void> {
    return this.#host.recover();
  }

  /** Whether the engine is gone: it was disposed of, or it crashed. */
  get disposed(): boolean {
    return this.#host.closed;
  }

  /** Frees everything. What is still running rejects with the code `engine-disposed`. */
  dispose(): void {
    this.#host.dispose();
  }
}
