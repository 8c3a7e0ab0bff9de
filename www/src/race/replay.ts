/** A race shown again with both sides at once, each at the pace that was measured. */

import type { Heat } from './heat';
import type { Lane } from './lane';

/** Plays `heats` into their lanes; resolves when the slower one has ended, or `signal` says so. */
export function replay(sides: readonly { lane: Lane; heat: Heat }[], signal: AbortSignal): Promise<void> {
  const begin = performance.now();
  const next = sides.map(() => 0);
  return new Promise(resolve => {
    const frame = () => {
      const now = signal.aborted ? Infinity : performance.now() - begin;
      const over = sides.map(({ lane, heat }, side) => {
        for (;;) {
          const step = heat.steps[next[side] ?? 0];
          if (!step || step.at > now) {
            return !step;
          }
          lane.add(step);
          next[side] = (next[side] ?? 0) + 1;
        }
      });
      if (over.every(Boolean)) {
        resolve();
      } else {
        requestAnimationFrame(frame);
      }
    };
    requestAnimationFrame(frame);
  });
}
