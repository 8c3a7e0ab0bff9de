/** What is measured: ways to decode, prompts, and how often. */

import type { EngineInfo, GenerateOptions } from 'paceline';
import { draftersOf, isAble, PLAIN } from '../settings/choices';

/** A way to decode. */
export interface Way {
  /** Tells it from others: `plain`, `default`, `model 4`. */
  name: string;
  /** Who drafts; absent where nobody does, or the package decides. */
  drafter?: string;
  gamma?: number | 'auto';
  options: GenerateOptions;
}

/** How much is measured. */
export interface Extent {
  /** Tokens of an answer. */
  tokens: number;
  /** Rounds; each decodes one prompt in every way. */
  rounds: number;
}

/** What the other ways are compared with. */
export const PLAIN_WAY: Way = { name: 'plain', options: { drafter: PLAIN } };

/** Tokens ahead that are tried, as far as the engine goes. */
const GAMMAS = [1, 2, 3, 4, 8];

/** All ways: plain decoding, what the package does unless it is told otherwise, and every drafter with every gamma. */
export function waysOf(info: EngineInfo): Way[] {
  const drafters = draftersOf(info).filter(drafter => drafter.name !== PLAIN && isAble(drafter, info));
  const gammas = [...GAMMAS.filter(gamma => gamma <= info.maxGamma), 'auto' as const];
  return [
    PLAIN_WAY,
    { name: 'default', options: {} },
    ...drafters.flatMap(({ name: drafter }) =>
      gammas.map(gamma => ({
        name: `${drafter} ${gamma}`,
        drafter,
        gamma,
        options: { drafter, gamma },
      })),
    ),
  ];
}

/** One to invent, one to answer, one to quote: drafts are right more or less often. */
export const PROMPTS = [
  'Write a short story about a lighthouse keeper who finds a letter in a bottle.',
  'Explain to a curious ten-year-old how the Moon causes the tides in the sea.',
  'Repeat this text, then say it in one sentence: The tide comes in twice a day and goes out twice a day. When the tide comes in, the boats float. When the tide goes out, the boats lie on the sand.',
];

/** The ways in the order of a round: every other one backwards, so that no way is always the first, or the last. */
export function orderOf(ways: readonly Way[], round: number): Way[] {
  return round % 2 === 0 ? [...ways] : ways.toReversed();
}

/** About how many tokens the texts have whose reading is timed, where there is room. */
const READINGS = [64, 256, 768];

export function readingsOf({ capacity }: EngineInfo): number[] {
  return READINGS.filter(tokens => tokens < capacity * 0.8);
}

const WORDS =
  'the sea comes in and goes out while boats lie on warm sand near an old stone wall where children play'.split(
    ' ',
  );

/** Prime to the number of words, so that all of them come. */
const STRIDE = 5;

/** A text of so many words, another one for each `salt`, so that nothing of it is in the cache. */
export function textOf(words: number, salt: number): string {
  const text = Array.from({ length: words }, (_, i) => WORDS[(i * STRIDE + salt) % WORDS.length]);
  return `${salt} ${text.join(' ')}`;
}
