/** What the visitor set the last time. */

/** The value kept under `key`, or what is missing of it from `fallback`. */
export function recall<T extends object>(key: string, fallback: T): T {
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<T>) };
  } catch {
    return fallback;
  }
}

/** Keeps a value. Where the browser keeps nothing, it is as if nothing had been set. */
export function keep(key: string, value: object): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows may refuse.
  }
}
