/** What a race came to. */

import type { Result } from 'paceline';

export interface Verdict {
  /** Tokens a second with speculation, over those without. */
  ratio: number;
  /** How the two texts compare; `undefined` where chance or lenience had a part, so that they need not be the same. */
  texts: Comparison | undefined;
}

/** The same tokens, or where they part. */
export type Comparison = { identical: true; tokens: number } | { identical: false; at: number };

/** Compares two results. `exact`: both must give the same text. */
export function judge(speculative: Result, plain: Result, exact: boolean): Verdict {
  return {
    ratio: speculative.stats.tokensPerSecond / plain.stats.tokensPerSecond,
    texts: exact ? compare(speculative.tokenIds, plain.tokenIds) : undefined,
  };
}

function compare(a: number[], b: number[]): Comparison {
  const at = a.findIndex((id, i) => id !== b[i]);
  if (at >= 0 || a.length !== b.length) {
    return { identical: false, at: at >= 0 ? at : a.length };
  }
  return { identical: true, tokens: a.length };
}

/** `1.32`, in whole words where the two are as fast. */
export function ratioText(ratio: number): string {
  return `${ratio.toFixed(2)}×`;
}

/** What the ratio says. */
export function ratioWords(ratio: number): string {
  if (ratio > 1.02) {
    return 'as fast with speculation as without';
  }
  return ratio < 0.98 ? 'the plain speed: speculation does not pay here' : 'the plain speed: no difference';
}
