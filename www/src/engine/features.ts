/**
 * What this page can offer before every engine knows it.
 *
 * `LOSSY`: verification that trades exactness for speed. It is off until the engine takes `GenerateOptions.lossy`; with
 * `?lossy` in the address the dial shows all the same, to be worked on.
 */

import type { GenerateOptions, Stats } from 'paceline';

export const LOSSY: boolean = new URLSearchParams(globalThis.location?.search).has('lossy');

/** How lenience grows: `p / epsilon`, `p / epsilon^2`, `p ^ epsilon`. */
export type LossyKind = 'linear' | 'square' | 'exponential';

/** Lenience: 1 is exact. */
export interface Lossy {
  kind: LossyKind;
  epsilon: number;
}

/** Options with lenience. */
export type LossyOptions = GenerateOptions & { lossy?: Lossy | undefined };

/** The distance from the target's law so far, the mean over tested tokens; `undefined` where the text is exact. */
export function totalVariation(stats: Stats): number | undefined {
  return (stats as Stats & { totalVariation?: number }).totalVariation;
}
