/**
 * How much room there is, and what to say where there is none.
 * @module
 */

import { PacelineError } from '../errors.js';

/** Refuses what the browser says it has no room for, before anything of it is fetched. */
export async function hasRoom(name: string, bytes: number): Promise<void> {
  const room = await free();
  if (room !== undefined && bytes > room) {
    throw await storeFull(name, undefined, bytes);
  }
}

/** Whether `error` says that the storage is full. */
export function isFull(error: unknown): boolean {
  return (
    (error instanceof PacelineError && error.code === 'store-full') ||
    (error instanceof Error && error.name === 'QuotaExceededError')
  );
}

/** The error where the storage is full. */
export async function storeFull(name: string, cause: unknown, bytes?: number): Promise<PacelineError> {
  if (cause instanceof PacelineError) {
    return cause;
  }
  const room = await free();
  const left = room === undefined ? '' : `; ${mib(room)} MiB are left`;
  const needed = bytes === undefined ? '' : `, which needs ${mib(bytes)} MiB`;
  return new PacelineError(
    'store-full',
    `the browser's storage has no room for ${name}${needed}${left}; delete a model, or free some disk space`,
    { cause },
  );
}

/** Bytes that are left, where the browser says it. */
async function free(): Promise<number | undefined> {
  const { quota, usage } = (await globalThis.navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
  return quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage);
}

function mib(bytes: number): string {
  return (bytes / (1 << 20)).toFixed(1);
}
