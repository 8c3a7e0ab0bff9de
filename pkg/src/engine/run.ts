/**
 * A generation under way, as the caller sees it.
 * @module
 */

import type { Piece, Result } from '../types/generate.js';

/** What a {@link Run} is fed by. */
export interface RunFeed {
  /** Adds a piece. */
  push(piece: Piece): void;
}

/**
 * A generation: iterate over it for its pieces as they come, or await {@link Run.result}, or both. It has begun when
 * you hold it, and goes on whether or not anybody iterates.
 *
 * Leaving the loop early stops it, as an abort does.
 */
export class Run implements AsyncIterable<Piece> {
  /** The finished generation. Rejects as the iteration does: with a `PacelineError`, or the signal's reason. */
  readonly result: Promise<Result>;

  readonly #pieces: Piece[] = [];
  readonly #abort: () => void;
  #wake: (() => void) | undefined;
  #ended = false;

  /**
   * @param begin - begins the generation
   * @param abort - aborts it
   * @internal
   */
  constructor(begin: (feed: RunFeed) => Promise<Result>, abort: () => void) {
    this.#abort = abort;
    this.result = begin({
      push: piece => {
        this.#pieces.push(piece);
        this.#wake?.();
      },
    }).finally(() => {
      this.#ended = true;
      this.#wake?.();
    });
    // Who only iterates hears of the error there.
    this.result.catch(() => {});
  }

  /** The pieces, each once: a second iteration goes on where the first one is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Piece, void, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece) {
          yield piece;
        } else if (this.#ended) {
          await this.result;
          return;
        } else {
          await new Promise<void>(resolve => (this.#wake = resolve));
        }
      }
    } finally {
      if (!this.#ended) {
        this.#abort();
      }
    }
  }
}
