/** The plot: speed over that of plain decoding, by tokens ahead. */

import { Plot, type Curve, type Line } from '../ui/plot';
import type { Row } from './rows';

const COLOURS = ['--draft', '--good', '--target'] as const;
const PLAIN_LINE: Line = { label: 'plain', colour: '--soft', dashed: true };

/** Makes the plot of `drafters`, who have a curve each. */
export class Chart {
  readonly root: HTMLElement;
  readonly #drafters: readonly string[];
  readonly #right: number;
  readonly #plot: Plot;

  constructor(drafters: readonly string[], right: number) {
    [this.#drafters, this.#right] = [drafters, right];
    this.#plot = new Plot({
      title: 'Speed over plain, by gamma',
      lines: [
        ...drafters.map((label, i) => ({ label, colour: COLOURS[i % COLOURS.length] ?? '--draft' })),
        PLAIN_LINE,
      ],
      right,
      marks: true,
      text: value => `${value}×`,
    });
    this.root = this.#plot.root;
  }

  show(rows: readonly Row[]): void {
    const curves = this.#drafters.map(drafter => {
      const curve: Curve = Array<number | null>(this.#right + 1).fill(null);
      for (const { gamma, speed } of rows.filter(row => row.drafter === drafter)) {
        if (typeof gamma === 'number' && speed) {
          curve[gamma] = speed.mean;
        }
      }
      return curve;
    });
    this.#plot.show([...curves, Array<number>(this.#right + 1).fill(1)]);
    const best = rows.reduce<Row | undefined>(
      (best, row) => ((row.speed?.mean ?? 0) > (best?.speed?.mean ?? 0) ? row : best),
      undefined,
    );
    this.#plot.describe(
      best?.speed
        ? `${best.name} is the fastest, with ${best.speed.mean.toFixed(2)} times the speed of plain`
        : 'nothing yet',
    );
  }
}
