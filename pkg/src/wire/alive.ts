/**
 * Telling the page that the worker lives: browsers say nothing of one that was ended, but they free its locks.
 * @module
 */

/** Holds the lock `name` from now on. Where there are no locks, nobody watches. */
export async function holdWhileAlive(name: string): Promise<void> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (locks) {
    await new Promise<void>((resolve, reject) => {
      const forever = () => {
        resolve();
        return new Promise(() => {});
      };
      locks.request(name, forever).catch(reject);
    });
  }
}
