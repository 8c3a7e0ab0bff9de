/** The little that the page needs around the DOM. */

/** The element with this id, of this kind. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`the page has no #${id}`);
  }
  return element as T;
}

/** The chosen radio button's value. */
export function chosen<T extends string>(name: string): T {
  return radios(name).find(input => input.checked)?.value as T;
}

/** All radio buttons of a group. */
export function radios(name: string): HTMLInputElement[] {
  return [...document.querySelectorAll<HTMLInputElement>(`input[name=${name}]`)];
}

/** Shows an error and its remedy, or hides it. */
export function showError(element: HTMLElement, error?: unknown): void {
  element.hidden = error === undefined;
  const message = error instanceof Error ? error.message : String(error ?? '');
  element.textContent = message.charAt(0).toUpperCase() + message.slice(1);
}

/** Whether an operation was aborted: nothing to complain about. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Tells a screen reader. */
export function announce(text: string): void {
  byId('announce').textContent = text;
}

/** `98.4 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
