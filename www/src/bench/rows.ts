/** From what was measured to rows of a table. */

import type { Stats } from 'paceline';
import type { Measured, Reading, Sample } from './measure';
import { PLAIN_WAY, type Way } from './plan';

/** One way's figures. Times are in milliseconds a round, ratios those of runs of the same prompt. */
export interface Row {
  name: string;
  drafter?: string;
  gamma?: number | 'auto';
  /** Answers behind the figures. */
  runs: number;
  /** Median. */
  tokensPerSecond: number;
  /** Speed over that of plain decoding: geometric mean, least, most. Absent where no plain run stands beside one. */
  speed?: { mean: number; least: number; most: number };
  /** Tokens that a pass of the target brought. */
  tokensPerPass: number;
  /** Accepted part of the tested tokens. */
  accepted?: number;
  roundMs: number;
  draftMs: number;
  verifyMs: number;
  hostMs: number;
  /** Whether every text is that of plain decoding, as far as both are known. */
  same: boolean;
}

/** How fast texts of about one length are read. */
export interface ReadingRow {
  tokens: number;
  ms: number;
  tokensPerSecond: number;
}

/** A row for each way that has been run, in the order of `ways`. */
export function rowsOf(ways: readonly Way[], { samples }: Measured): Row[] {
  const plain = new Map(
    samples.filter(({ way }) => way.name === PLAIN_WAY.name).map(sample => [sample.round, sample]),
  );
  return ways.flatMap(way => {
    const own = samples.filter(sample => sample.way.name === way.name);
    return own.length === 0 ? [] : [rowOf(way, own, plain)];
  });
}

function rowOf({ name, drafter, gamma }: Way, own: Sample[], plain: Map<number, Sample>): Row {
  const sum = (of: (stats: Stats) => number) => own.reduce((total, { stats }) => total + of(stats), 0);
  const rounds = sum(stats => stats.rounds);
  const a = (of: (stats: Stats) => number) => sum(of) / Math.max(rounds, 1);
  const tested = sum(stats => stats.tested);
  const ratios = own.flatMap(({ round, stats }) => {
    const beside = plain.get(round)?.stats.tokensPerSecond;
    return beside ? [stats.tokensPerSecond / beside] : [];
  });
  return {
    name,
    ...(drafter !== undefined && { drafter }),
    ...(gamma !== undefined && { gamma }),
    runs: own.length,
    tokensPerSecond: median(own.map(({ stats }) => stats.tokensPerSecond)),
    ...(ratios.length > 0 && {
      speed: { mean: geometricMean(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
    }),
    tokensPerPass:
      sum(stats => stats.tokens) /
      Math.max(
        sum(stats => stats.targetPasses),
        1,
      ),
    ...(tested > 0 && { accepted: sum(stats => stats.accepted) / tested }),
    roundMs: a(stats => stats.decodeMs),
    draftMs: a(stats => stats.draftMs),
    verifyMs: a(stats => stats.verifyMs),
    hostMs: a(stats => stats.hostMs),
    same: own.every(({ same }) => same !== false),
  };
}

/** Medians for each length, the shortest first. Lengths are alike where the texts have as many words. */
export function readingRows(readings: readonly Reading[]): ReadingRow[] {
  const groups = new Map<number, Reading[]>();
  for (const reading of readings) {
    const alike = [...groups.keys()].find(tokens => Math.abs(tokens - reading.tokens) < tokens / 4);
    const key = alike ?? reading.tokens;
    groups.set(key, [...(groups.get(key) ?? []), reading]);
  }
  return [...groups.values()]
    .map(group => {
      const tokens = Math.round(median(group.map(reading => reading.tokens)));
      const ms = median(group.map(reading => reading.ms));
      return { tokens, ms, tokensPerSecond: ms > 0 ? (tokens / ms) * 1000 : 0 };
    })
    .sort((a, b) => a.tokens - b.tokens);
}

/** The middle value; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below = 0, above = 0] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return (below + above) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
