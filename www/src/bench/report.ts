/** What can be copied: the figures with what they were taken on, as JSON or as Markdown. */

import type { EngineInfo, MemoryInfo } from 'paceline';
import { megabytes, percent, rate } from '../ui/format';
import type { Extent } from './plan';
import type { ReadingRow, Row } from './rows';

/** All figures. */
export interface Report {
  /** When it was measured: ISO 8601. */
  date: string;
  version: string;
  browser: string;
  engine: Pick<EngineInfo, 'device' | 'adapter' | 'software' | 'threads' | 'variant' | 'selfTest'>;
  target: EngineInfo['target'];
  draft: EngineInfo['draft'];
  extent: Extent;
  /** Whether it was stopped before its end. */
  stopped: boolean;
  loadMs: number | undefined;
  rows: Row[];
  readings: ReadingRow[];
  memory: MemoryInfo | undefined;
}

/** Whether it was stopped, and the times and bytes that the engine itself does not tell. */
export type Circumstances = Pick<
  Report,
  'extent' | 'stopped' | 'loadMs' | 'rows' | 'readings' | 'memory' | 'browser' | 'date'
>;

/** The figures with what they were taken on. */
export function reportOf(info: EngineInfo, circumstances: Circumstances): Report {
  const { version, device, adapter, software, threads, variant, selfTest, target, draft } = info;
  return {
    ...circumstances,
    version,
    engine: { device, adapter, software, threads, variant, selfTest },
    target,
    draft,
  };
}

/** What the engine runs on, in a line. */
export function machineOf({ engine }: Pick<Report, 'engine'>): string {
  const { device, adapter, software, threads, variant } = engine;
  const kind = device === 'cpu' ? 'CPU' : software ? 'WebGPU in software' : 'WebGPU';
  const team = threads > 1 && `${threads} threads`;
  return [kind, adapter, team, variant].filter(Boolean).join(' · ');
}

/** What `memory()` tells, by names for people. */
export function memoryOf(memory: MemoryInfo | undefined): [string, string][] {
  return Object.entries(memory ?? {})
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, bytes]) => [NAMES[name] ?? name, megabytes(bytes)]);
}

const NAMES: Record<string, string> = { wasm: 'Wasm memory', gpu: 'GPU memory' };

/** Cells of a row of the table: words and figures. */
export function cellsOf(row: Row): string[] {
  const { drafter, gamma, speed } = row;
  const time = (ms: number) => (ms > 0 ? ms.toFixed(2) : '–');
  return [
    drafter ?? row.name,
    gamma === undefined ? '' : `${gamma}`,
    rate(row.tokensPerSecond),
    speed ? `${speed.mean.toFixed(2)}×` : '–',
    speed && row.name !== 'plain' ? `${speed.least.toFixed(2)}–${speed.most.toFixed(2)}` : '',
    row.tokensPerPass.toFixed(2),
    row.accepted === undefined ? '' : percent(row.accepted),
    time(row.draftMs),
    time(row.verifyMs),
    time(row.roundMs),
    row.same ? 'same' : 'differs',
  ];
}

/** The heads of those cells. */
export const HEADS = [
  'Drafter',
  'Gamma',
  'Tokens/s',
  'Speed',
  'Range',
  'Tokens a pass',
  'Accepted',
  'Draft ms',
  'Verify ms',
  'Round ms',
  'Text',
];

/** The report as tables in Markdown. */
export function markdownOf(report: Report): string {
  const { target, draft, extent, stopped, loadMs, rows, readings, memory } = report;
  const named = (model: { name: string; architecture: string }) => model.name || model.architecture;
  const facts = [
    `Paceline ${report.version}, ${report.date.slice(0, 10)}`,
    machineOf(report),
    `${named(target)}${draft ? ` with ${named(draft)}` : ''}`,
    `${extent.rounds} rounds of ${extent.tokens} tokens${stopped ? ', stopped before the end' : ''}`,
    ...(loadMs === undefined ? [] : [`loaded in ${(loadMs / 1000).toFixed(1)} s`]),
    ...memoryOf(memory).map(([name, size]) => `${name} ${size}`),
    report.browser,
  ];
  return [
    facts.map(fact => `- ${fact}`).join('\n'),
    markdownTable(HEADS, rows.map(cellsOf)),
    markdownTable(READING_HEADS, readings.map(readingCells)),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** Heads and cells of what was read. */
export const READING_HEADS = ['Prompt tokens', 'ms', 'Tokens/s'];

export function readingCells({ tokens, ms, tokensPerSecond }: ReadingRow): string[] {
  return [`${tokens}`, ms.toFixed(0), rate(tokensPerSecond)];
}

function markdownTable(heads: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) {
    return '';
  }
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
