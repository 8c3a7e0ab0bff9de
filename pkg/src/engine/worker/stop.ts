/**
 * Stop strings: where the text ends, whatever rounds and tokens it comes in.
 * @module
 */

import type { Token } from '../../types/generate.js';

/** What may be shown. */
export interface Released {
  /** Tokens whose text is certain. */
  tokens: Token[];
  /** The stop string that came, if one did: there is no more text. */
  stoppedBy?: string;
}

/**
 * Holds back tokens whose text may turn out to belong to a stop string. The text ends before the stop string that is
 * complete first; the longest one, where several end at the same place.
 */
export class StopFilter {
  readonly #stops: readonly string[];
  #held: Token[] = [];

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Adds tokens and gives those that may be shown. */
  push(tokens: readonly Token[]): Released {
    if (this.#stops.length === 0) {
      return { tokens: [...tokens] };
    }
    this.#held.push(...tokens);
    const text = this.#text();
    const found = first(text, this.#stops);
    if (found) {
      const kept = cut(this.#held, found.start, found.start + found.stop.length);
      this.#held = [];
      return { tokens: kept, stoppedBy: found.stop };
    }
    const certain = text.length - unsure(text, this.#stops);
    let end = 0;
    const count = this.#held.findIndex(token => (end += token.text.length) > certain);
    return { tokens: this.#held.splice(0, count < 0 ? this.#held.length : count) };
  }

  /** Adds the last piece of text, which belongs to no token, and gives everything. */
  finish(rest: string): Released & { rest: string } {
    const text = this.#text() + rest;
    const found = first(text, this.#stops);
    const tokens = found ? cut(this.#held, found.start, Infinity) : this.#held;
    const shown = tokens.reduce((length, token) => length + token.text.length, 0);
    this.#held = [];
    const remaining = (found ? text.slice(0, found.start) : text).slice(shown);
    return { tokens, rest: remaining, ...(found && { stoppedBy: found.stop }) };
  }

  #text(): string {
    return this.#held.map(token => token.text).join('');
  }
}

/** The stop string that is complete first. */
function first(text: string, stops: readonly string[]): { start: number; stop: string } | undefined {
  let best: { start: number; stop: string } | undefined;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    const end = (found: { start: number; stop: string }) => found.start + found.stop.length;
    if (start < 0) {
      continue;
    }
    const found = { start, stop };
    if (!best || end(found) < end(best) || (end(found) === end(best) && start < best.start)) {
      best = found;
    }
  }
  return best;
}

/** The length of the longest end of `text` with which a stop string begins. */
function unsure(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length;
      }
    }
  }
  return longest;
}

/** The tokens up to the one in which position `end` lies, without the text from `start` on. */
function cut(tokens: readonly Token[], start: number, end: number): Token[] {
  const kept: Token[] = [];
  let at = 0;
  for (const token of tokens) {
    if (at >= end) {
      break;
    }
    kept.push({ ...token, text: token.text.slice(0, Math.max(0, start - at)) });
    at += token.text.length;
  }
  return kept;
}
