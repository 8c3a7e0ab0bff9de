/**
 * A sequence on a loaded model: what generates.
 * @module
 */

import type { Connection } from './connection.js';
import { PacelineError } from './errors.js';
import type { GenerateMessage, Prompt, SessionId } from './protocol.js';
import { Run } from './run.js';
import type { ChatMessage, GenerateOptions } from './types.js';

/**
 * A sequence of its own on an engine's weights: it remembers its own conversation, so that two chats can share a model
 * without reading each other's prompt again. `Paceline.session` makes one.
 *
 * A session does one generation at a time; further ones wait their turn. Those of different sessions go on side by side.
 */
export class Session {
  readonly #connection: Connection;
  readonly #id: SessionId;
  /** Aborts what is still running when the session is closed. */
  readonly #end = new AbortController();

  /** @internal */
  constructor(connection: Connection, id: SessionId) {
    this.#connection = connection;
    this.#id = id;
  }

  /** Continues `prompt`: text, or token ids. */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Run {
    return this.#run(
      typeof prompt === 'string' ? { type: 'text', text: prompt } : { type: 'ids', ids: Array.from(prompt) },
      options,
    );
  }

  /** Answers a conversation, laid out by the model's own chat template. */
  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): Run {
    return this.#run({ type: 'chat', messages: [...messages] }, options);
  }

  /** Whether the session is gone: it was closed, or its engine is gone. */
  get closed(): boolean {
    return this.#end.signal.aborted || this.#connection.closed;
  }

  /** Frees what the session holds. What is still running rejects with the code `session-closed`. */
  async close(): Promise<void> {
    if (!this.closed) {
      this.#end.abort(new PacelineError('session-closed', 'the session was closed; open another one'));
      await this.#connection.request('close', { session: this.#id });
    }
  }

  #run(prompt: Prompt, { signal, onPrefill, logitBias, ...rest }: GenerateOptions): Run {
    const options: GenerateMessage = { ...rest, logitBias: logitBias && entries(logitBias) };
    const left = new AbortController();
    const signals = [left.signal, this.#end.signal, ...(signal ? [signal] : [])];
    return new Run(
      ({ push }) =>
        this.#connection.request(
          'generate',
          { session: this.#id, prompt, options },
          {
            signal: AbortSignal.any(signals),
            onEvent: event =>
              event.type === 'piece' ? push(event.piece) : onPrefill?.(event.done, event.total),
          },
        ),
      () => left.abort(),
    );
  }
}

/** The biases as pairs: the keys of an object are strings. */
function entries(bias: NonNullable<GenerateOptions['logitBias']>): [number, number][] {
  return bias instanceof Map
    ? [...(bias as ReadonlyMap<number, number>)]
    : Object.entries(bias as Record<number, number>).map(([id, value]) => [Number(id), value]);
}
