/** A value that tells when it changes. */
export class State<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    this.#value = value;
    this.#listeners.forEach(listener => listener(value));
  }

  /** Calls `listener` with the value now, and after every change. */
  watch(listener: (value: T) => void): void {
    this.#listeners.add(listener);
    listener(this.#value);
  }
}
