/**
 * A sequence on a loaded model: what generates.
 * @module
 */

import { PacelineError } from '../errors.js';
import { messagesOf } from '../options/input.js';
import type { GenerateOptions } from '../types/generate.js';
import type { Connection } from '../wire/connection.js';
import type { GenerateMessage, Operations, Prompt, SessionId } from '../wire/protocol.js';
import { makeChat, type Chat } from './chat.js';
import type { Host, Live } from './host.js';
import { messageOf, promptOf } from './message.js';
import { Run } from './run.js';

/** A session in a worker. */
interface Place {
  connection: Connection | undefined;
  id: SessionId;
}

/**
 * A sequence of its own on an engine's weights: it remembers its own conversation, so that two chats can share a model
 * without reading each other's prompt again. `Paceline.session` makes one.
 *
 * A session does one generation at a time; further ones wait their turn. Those of different sessions go on side by side.
 */
export class Session {
  /** Answers a conversation, as `Paceline.chat` does. */
  readonly chat: Chat;

  readonly #host: Host;
  /** Where it is. Another worker makes it anew, except for the one that every worker has. */
  #place: Place;
  /** Aborts what is still running when the session is closed. */
  readonly #end = new AbortController();

  /** @internal */
  constructor(host: Host, place: Place) {
    this.#host = host;
    this.#place = place;
    this.chat = makeChat(
      (messages, options) =>
        this.#run('chat', () => ({ type: 'chat', messages: messagesOf(messages) }), options),
      () => host.info,
    );
  }

  /** Continues `prompt`: text, or token ids. */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Run {
    return this.#run('generate', () => promptOf(prompt), options);
  }

  /** Whether the session is gone: it was closed, or its engine is gone. */
  get closed(): boolean {
    return this.#end.signal.aborted || this.#host.closed;
  }

  /** Frees the session. What is still running rejects with the code `session-closed`. */
  async close(): Promise<void> {
    if (this.closed) {
      return;
    }
    this.#end.abort(new PacelineError('session-closed', 'the session was closed; open another one'));
    const { connection, id } = this.#place;
    // A worker that is gone has freed it.
    if (connection && !connection.closed) {
      await connection.request('close', { session: id });
    }
  }

  /** Begins at once: what the caller does with `prompt` and `options` afterwards changes nothing. */
  #run(method: string, prompt: () => Prompt, options: GenerateOptions): Run {
    const left = new AbortController();
    return new Run(
      async ({ push }) => {
        const { signal, onPrefill, ...message } = messageOf(method, options, this.#host.info);
        const signals = [left.signal, this.#end.signal, ...(signal ? [signal] : [])];
        return this.#generate(
          prompt(),
          message,
          event => (event.type === 'piece' ? push(event.piece) : onPrefill?.(event.done, event.total)),
          AbortSignal.any(signals),
        );
      },
      () => left.abort(),
    );
  }

  /** Generates; begins once more where the device turns out to be lost before anything was generated. */
  async #generate(
    prompt: Prompt,
    options: GenerateMessage,
    onEvent: (event: Operations['generate']['event']) => void,
    signal: AbortSignal,
  ): Promise<Operations['generate']['answer']> {
    for (let again = false; ; again = true) {
      const live = this.#host.live ?? (await this.#host.revived(signal));
      const session = this.#idIn(live) ?? (await this.#openIn(live));
      let begun = false;
      try {
        return await live.connection.request(
          'generate',
          { session, prompt, options },
          {
            signal,
            onEvent: event => {
              begun ||= event.type === 'piece';
              onEvent(event);
            },
          },
        );
      } catch (error) {
        if (!(error instanceof PacelineError) || error.code !== 'gpu-lost') {
          throw error;
        }
        this.#host.lose(live, error);
        if (begun || again) {
          throw error;
        }
      }
    }
  }

  #idIn({ connection }: Live): SessionId | undefined {
    return this.#place.id === 0 || this.#place.connection === connection ? this.#place.id : undefined;
  }

  async #openIn({ connection }: Live): Promise<SessionId> {
    const id = await connection.request('open', {});
    this.#place = { connection, id };
    return id;
  }
}
