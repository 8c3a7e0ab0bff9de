/** The two plots of a race: speed, and acceptance. */

import type { Stats } from 'paceline';
import { percent } from '../ui/format';
import { Plot } from '../ui/plot';
import type { Curves } from './curves';
import type { LaneName } from './lane';

/** Tokens that the plots have room for at least. */
const ROOM = 16;

export class Plots {
  readonly #speed = new Plot({
    title: 'Tokens a second',
    lines: [
      { label: 'speculative', colour: '--draft' },
      { label: 'plain', colour: '--target', dashed: true },
    ],
    right: ROOM,
    text: value => `${value}`,
  });
  readonly #acceptance = new Plot({
    title: 'Drafts accepted',
    lines: [
      { label: 'counted, α emp', colour: '--draft' },
      { label: 'expected, α TF', colour: '--soft', dashed: true },
    ],
    top: 1,
    right: ROOM,
    text: percent,
  });

  get roots(): HTMLElement[] {
    return [this.#speed.root, this.#acceptance.root];
  }

  show({ speculative, plain }: Record<LaneName, Curves>): void {
    this.#speed.show([speculative.speed, plain.speed]);
    this.#acceptance.show([speculative.accepted, speculative.expected]);
  }

  /** Says in words what the curves came to. */
  describe(speed: string, { alphaEmp, alphaTf }: Stats): void {
    this.#speed.describe(speed);
    this.#acceptance.describe(
      alphaEmp === undefined
        ? 'nothing was drafted'
        : `${percent(alphaEmp)} counted, ${percent(alphaTf ?? alphaEmp)} expected`,
    );
  }

  clear(): void {
    this.#speed.show([[], []]);
    this.#acceptance.show([[], []]);
  }
}
