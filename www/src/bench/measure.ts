/** Measures an engine, with nothing but the package. */

import type { Paceline, Result, Stats } from 'paceline';
import { answer } from '../engine/answer';
import { orderOf, PLAIN_WAY, PROMPTS, readingsOf, textOf, type Extent, type Way } from './plan';

/** One answer, decoded in one way. */
export interface Sample {
  way: Way;
  round: number;
  /** Whether it is, token for token, what plain decoding gave in this round; absent until that is known. */
  same?: boolean;
  stats: Stats;
}

/** One text, read. */
export interface Reading {
  tokens: number;
  ms: number;
}

/** What has been measured so far. */
export interface Measured {
  samples: Sample[];
  readings: Reading[];
}

/** How far it is: of `total` runs, `done`; `what` is next. */
export interface Step {
  done: number;
  total: number;
  what: string;
}

/** Tokens of each way before it counts: kernels are made and clocks are up then. */
const WARM_UP_TOKENS = 8;

/** Words that tell how many tokens a word has. */
const WARM_UP_WORDS = 20;

/**
 * Decodes one prompt a round in all ways, which take turns, and reads texts between the rounds. `measured` is added to as
 * results come, so that what there is stays when `signal` aborts; `onStep` hears of every run before it begins.
 *
 * @throws what the engine throws, and the signal's reason
 */
export async function measure(
  engine: Paceline,
  ways: readonly Way[],
  { tokens, rounds }: Extent,
  measured: Measured,
  onStep: (step: Step) => void,
  signal: AbortSignal,
): Promise<void> {
  const lengths = readingsOf(engine.info);
  const total = (ways.length + lengths.length) * rounds + ways.length + 1;
  let done = 0;
  const step = (what: string) => onStep({ done: done++, total, what });
  const decode = (way: Way, prompt: string, maxTokens: number): Promise<Result> =>
    answer(engine, engine.info, [{ role: 'user', content: prompt }], {
      ...way.options,
      maxTokens,
      signal,
    }).result;

  for (const way of ways) {
    step(`Warming up: ${way.name}`);
    await decode(way, PROMPTS[0] ?? '', WARM_UP_TOKENS);
  }
  step('Warming up: reading');
  const perWord = (await read(engine, WARM_UP_WORDS, 0, signal)).tokens / WARM_UP_WORDS;
  for (let round = 0; round < rounds; round++) {
    const place = `Round ${round + 1} of ${rounds}`;
    const prompt = PROMPTS[round % PROMPTS.length] ?? '';
    const results: { sample: Sample; ids: number[] }[] = [];
    for (const way of orderOf(ways, round)) {
      step(`${place}: ${way.name}`);
      const { stats, tokenIds } = await decode(way, prompt, tokens);
      const sample: Sample = { way, round, stats };
      results.push({ sample, ids: tokenIds });
      measured.samples.push(sample);
      const plain = results.find(result => result.sample.way === PLAIN_WAY);
      for (const result of plain ? results : []) {
        result.sample.same = `${result.ids}` === `${plain?.ids}`;
      }
    }
    for (const [i, length] of lengths.entries()) {
      step(`${place}: reading`);
      const words = Math.round(length / perWord);
      measured.readings.push(await read(engine, words, round * lengths.length + i + 1, signal));
    }
  }
  onStep({ done: total, total, what: 'Done' });
}

/** Reads a text. */
async function read(engine: Paceline, words: number, salt: number, signal: AbortSignal): Promise<Reading> {
  const options = { drafter: PLAIN_WAY.options.drafter, maxTokens: 1, signal };
  const { stats } = await engine.generate(textOf(words, salt), options).result;
  return { tokens: stats.promptTokens - stats.reusedTokens, ms: stats.prefillMs };
}
