/**
 * The files of a split model, of which an engine reads the beginnings of all before the rest of any.
 *
 * A browser has few connections to a host and holds a good deal for each file that waits. So one file at a time is open:
 * where another one is asked for, it is closed, and opened anew later where it was.
 * @module
 */

import type { ByteStream } from './backend.js';

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

  /** Opens `file` and reads a little of it, so that it is known to be there, and how long it is. */
  async open(file: Reopenable): Promise<ByteStream> {
    const turn = new Turn(file, () => this.#take(turn));
    await turn.begin();
    const stream = new ReadableStream<Uint8Array>(
      { pull: controller => turn.pull(controller), cancel: () => turn.close() },
      { highWaterMark: 0 },
    );
    return { stream, size: turn.size, name: file.name };
  }

  #take(turn: Turn): void {
    if (this.#current !== turn) {
      this.#current?.close();
      this.#current = turn;
    }
  }
}

class Turn {
  readonly #file: Reopenable;
  readonly #take: () => void;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** How many bytes have been handed on. */
  #at = 0;
  /** Those after them that are here. */
  #ahead: Uint8Array = new Uint8Array();
  size: number | undefined;

  constructor(file: Reopenable, take: () => void) {
    this.#file = file;
    this.#take = take;
  }

  async begin(): Promise<void> {
    await this.#fill();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#ahead.length === 0) {
      await this.#fill();
    }
    if (this.#ahead.length === 0) {
      this.close();
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

  /** Reads a chunk; nothing at the end. */
  async #fill(): Promise<void> {
    for (;;) {
      this.#take();
      if (!this.#reader) {
        const { stream, size } = await this.#file.open(this.#at);
        this.size ??= size;
        this.#reader = stream.getReader();
      }
      const reader = this.#reader;
      const { done, value } = await reader.read();
      // Where another file took the turn meanwhile, this is no end.
      if (reader === this.#reader && (done || value.length > 0)) {
        this.#ahead = value ?? this.#ahead;
        return;
      }
    }
  }
}
