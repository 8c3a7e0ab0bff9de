/** A race as curves over the tokens of the text. */

import type { Stats } from 'paceline';
import type { Curve } from '../ui/plot';

/** Tokens over which the speed is taken: one round alone says little. */
const WINDOW = 16;

/** The curves of one lane. */
export class Curves {
  /** Tokens a second, over the last tokens. */
  readonly speed: Curve = [];
  /** The accepted part of the tested tokens. */
  readonly accepted: Curve = [];
  /** The same as expected from the overlap of draft and target. */
  readonly expected: Curve = [];
  readonly #rounds: { tokens: number; ms: number }[] = [];

  /** Adds what a round brought. */
  add({ tokens, decodeMs, alphaEmp, alphaTf }: Stats): void {
    this.#rounds.push({ tokens, ms: decodeMs });
    const before = this.#rounds.findLast(round => round.tokens <= tokens - WINDOW) ?? { tokens: 0, ms: 0 };
    const ms = decodeMs - before.ms;
    for (const curve of [this.speed, this.accepted, this.expected]) {
      while (curve.length < tokens) {
        curve.push(null);
      }
    }
    this.speed[tokens] = ms > 0 ? ((tokens - before.tokens) / ms) * 1000 : null;
    this.accepted[tokens] = alphaEmp ?? null;
    this.expected[tokens] = alphaTf ?? null;
  }
}
