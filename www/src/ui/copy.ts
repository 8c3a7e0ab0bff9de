/** Buttons that copy. */

import { announce } from './announce';

/** How long a button says that it has copied, in ms. */
const SAID_MS = 2000;

/** Copies what stands in `source`; where the browser refuses, it is selected instead. The button says which. */
export async function copyFrom(source: HTMLElement, button: HTMLButtonElement): Promise<void> {
  const label = (button.dataset.label ??= button.textContent ?? '');
  const copied = await copy(source);
  button.textContent = copied ? 'Copied' : 'Marked: press Ctrl+C';
  announce(button.textContent);
  setTimeout(() => (button.textContent = label), SAID_MS);
}

async function copy(source: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    return true;
  } catch {
    getSelection()?.selectAllChildren(source);
    return false;
  }
}
