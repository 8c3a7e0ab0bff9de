/**
 * A sequence in the worker: its generations one after the other, a step at a time.
 * @module
 */

import type { Result, Stats, Token } from '../../types/generate.js';
import type { GenerateMessage, Operations, Prompt } from '../../wire/protocol.js';
import { tick } from '../../wire/tick.js';
import type { BackendEngine, StepEvent } from './backend.js';
import { StopFilter } from './stop.js';

type Tell = (event: Operations['generate']['event']) => void;

/** A sequence and what it is busy with. */
export class Sequence {
  readonly engine: BackendEngine;
  /** Settled when the generation before has ended. */
  #turn: Promise<void> = Promise.resolve();
  /** Settled when no step is under way: only then the engine can be copied. */
  #step: Promise<unknown> = Promise.resolve();

  constructor(engine: BackendEngine) {
    this.engine = engine;
  }

  /** Generates when all generations before have ended. */
  generate(prompt: Prompt, options: GenerateMessage, tell: Tell, signal: AbortSignal): Promise<Result> {
    return this.#afterAll(async () => {
      signal.throwIfAborted();
      const { stop = [], ...rest } = options;
      const promptIds = Array.from(this.engine.start(prompt, rest));
      return { ...(await this.#finish(stop, tell, signal)), promptIds };
    });
  }

  /** Another, empty sequence on the same weights; it waits for no more than a step. */
  async another(): Promise<Sequence> {
    await this.#step;
    return new Sequence(this.engine.session());
  }

  /** Frees the sequence when its generations have ended. */
  close(): Promise<void> {
    return this.#afterAll(async () => this.engine.free());
  }

  async #afterAll<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let end = () => {};
    this.#turn = new Promise(resolve => (end = resolve));
    try {
      await before;
      return await work();
    } finally {
      end();
    }
  }

  /**
   * Steps until the generation ends. To abort is to stop stepping: the engine is sound after each step. Each step is a
   * task of its own, so sequences take turns.
   */
  async #finish(
    stops: readonly string[],
    tell: Tell,
    signal: AbortSignal,
  ): Promise<Omit<Result, 'promptIds'>> {
    const filter = new StopFilter(stops);
    const tokenIds: number[] = [];
    let text = '';
    /** Proposed in rounds of which nothing has been shown yet. */
    let drafted = 0;
    const show = (tokens: Token[], rest: string, stats: Stats) => {
      if (tokens.length > 0 || rest !== '') {
        const said = tokens.map(token => token.text).join('') + rest;
        text += said;
        tokenIds.push(...tokens.map(token => token.id));
        tell({ type: 'piece', piece: { text: said, tokens, drafted, stats } });
        drafted = 0;
      }
    };
    for (;;) {
      await tick();
      signal.throwIfAborted();
      const event = await this.#next();
      switch (event.type) {
        case 'prefill':
          tell({ type: 'prefill', done: event.done, total: event.total });
          break;
        case 'tokens': {
          const { stats } = event;
          const { tokens, stoppedBy } = filter.push(event.tokens);
          drafted += event.drafted;
          show(tokens, '', stats);
          if (stoppedBy !== undefined) {
            return { text, tokenIds, finishReason: 'stop', stoppedBy, stats };
          }
          break;
        }
        case 'finished': {
          const { reason, stats } = event;
          const { tokens, rest, stoppedBy } = filter.finish(event.rest);
          show(tokens, rest, stats);
          return stoppedBy === undefined
            ? { text, tokenIds, finishReason: reason, stats }
            : { text, tokenIds, finishReason: 'stop', stoppedBy, stats };
        }
      }
    }
  }

  #next(): Promise<StepEvent> {
    const step = this.engine.step();
    this.#step = step.catch(() => {});
    return step;
  }
}
