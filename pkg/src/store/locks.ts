/**
 * One writer a model, in all tabs: Web Locks, which a browser lets go of when a tab or a worker ends.
 * @module
 */

/** Carries out `work` while nobody else writes (`shared`), or does anything at all (`exclusive`), under `name`. */
export type Locks = <T>(
  name: string,
  mode: LockMode,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
) => Promise<T>;

/** Locks of the store called `directory`. An abort while waiting rejects with the signal's reason. */
export function webLocks(directory: string): Locks {
  return async (name, mode, signal, work) => {
    const options: LockOptions = signal ? { mode, signal } : { mode };
    return await navigator.locks.request(`paceline-store/${directory}/${name}`, options, work);
  };
}
