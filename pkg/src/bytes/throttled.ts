/**
 * Not telling every chunk of a file.
 * @module
 */

/** Shortest time between two reports, in ms. */
const PROGRESS_MS = 50;

/** Passes on the first report of each part and phase of a load, the last one, and not too many between them. */
export function throttled<
  T extends { loaded: number; total?: number | undefined; part?: string; phase?: string },
>(tell: (progress: T) => void): (progress: T) => void {
  let part: string | undefined;
  let phase: string | undefined;
  let first = true;
  let next = 0;
  return progress => {
    const now = performance.now();
    if (
      first ||
      now >= next ||
      progress.part !== part ||
      progress.phase !== phase ||
      progress.loaded === progress.total
    ) {
      first = false;
      next = now + PROGRESS_MS;
      ({ part, phase } = progress);
      tell(progress);
    }
  };
}
