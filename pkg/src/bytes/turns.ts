/**
 * The files of a split model, of which an engine reads the beginnings of all before the rest of any.
 *
 * A browser has few connections to a host and holds a good deal for each file that waits. So one file at a time is open:
 * where another one is asked for, it is closed, and opened anew later where it was.
 * @module
 */

import type { ByteStream } from './stream.js';

/** A file from any byte on, as often as it is asked for. */
export interface Reopenable {
  name?: string | undefined;
  open(at: number): Promise<Pick<ByteStream, 'stream' | 'size'>>;
}

/** Most bytes that are handed on at once, and so that are held for a file that waits. */
export const PIECE = 256 << 10;

/** Files of which one at a time is open. */
export class Turns {
  #current: Turn | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** Opens `file` and reads a little of it, so that it is known to be there, and how long it is. */
  async open(file: Reopenable): Promise<ByteStream> {
    const turn: Turn = new Turn(file, work => this.#take(turn, work));
    await turn.begin();
    const stream = new ReadableStream<Uint8Array>(
      { pull: controller => turn.pull(controller), cancel: () => turn.end() },
      { highWaterMark: 0 },
    );
    return { stream, size: turn.size, name: file.name };
  }

  /** Does `work` when nobody else is at it, with all other files closed. */
  #take(turn: Turn, work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(() => {
      if (this.#current !== turn) {
        this.#current?.close();
        this.#current = turn;
      }
      return work();
    });
    this.#queue = done.catch(() => {});
    return done;
  }
}

class Turn {
  readonly #file: Reopenable;
  readonly #take: (work: () => Promise<void>) => Promise<void>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** How many bytes have been handed on. */
  #at = 0;
  /** Those after them that are here. */
  #ahead: Uint8Array = new Uint8Array();
  /** Whether nobody wants the rest. */
  #ended = false;
  size: number | undefined;

  constructor(file: Reopenable, take: (work: () => Promise<void>) => Promise<void>) {
    this.#file = file;
    this.#take = take;
  }

  begin(): Promise<void> {
    return this.#take(() => this.#fill());
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#ahead.length === 0 && !this.#isWhole()) {
      await this.#take(() => this.#fill());
    }
    if (this.#ended) {
      return;
    }
    if (this.#ahead.length === 0) {
      this.end();
      controller.close();
      return;
    }
    // A copy: whoever waits with it must not hold all of the chunk.
    const piece = this.#ahead.slice(0, PIECE);
    this.#ahead = this.#ahead.subarray(piece.length);
    this.#at += piece.length;
    controller.enqueue(piece);
  }

  /** Lets go of all but a piece. */
  close(): void {
    this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
    this.#ahead = this.#ahead.slice(0, PIECE);
  }

  /** The same for good. */
  end(): void {
    this.#ended = true;
    this.close();
  }

  /** Whether there is nothing to open the file for again. */
  #isWhole(): boolean {
    return !this.#reader && this.size !== undefined && this.#at >= this.size;
  }

  /** Reads a chunk; nothing at the end. */
  async #fill(): Promise<void> {
    if (this.#ended) {
      return;
    }
    if (!this.#reader) {
      const { stream, size } = await this.#file.open(this.#at);
      this.size ??= size;
      this.#reader = stream.getReader();
    }
    if (this.#ended) {
      this.close();
      return;
    }
    const reader = this.#reader;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (next.value.length > 0) {
        this.#ahead = next.value;
        return;
      }
    }
  }
}
