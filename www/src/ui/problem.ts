/** What went wrong, and what can be done about it. */

import { build } from './build';

/** Something to do about a problem. */
export interface Remedy {
  label: string;
  act: () => void;
}

interface Parts {
  text: HTMLElement;
  remedies: HTMLElement;
}

/** A place for one problem at a time, read out as it appears. */
export class Problem {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor() {
    const { root, parts } = build<Parts>(`
      <div class="problem" role="alert" hidden>
        <p data-part="text"></p>
        <div class="actions" data-part="remedies"></div>
      </div>`);
    [this.root, this.#parts] = [root, parts];
  }

  show(reason: unknown, ...remedies: Remedy[]): void {
    this.#parts.text.textContent = messageOf(reason);
    this.#parts.remedies.hidden = remedies.length === 0;
    this.#parts.remedies.replaceChildren(
      ...remedies.map(({ label, act }) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'quiet';
        button.textContent = label;
        button.addEventListener('click', () => {
          this.clear();
          act();
        });
        return button;
      }),
    );
    this.root.hidden = false;
    this.root.scrollIntoView({ block: 'nearest' });
  }

  clear(): void {
    this.root.hidden = true;
    this.#parts.text.textContent = '';
    this.#parts.remedies.replaceChildren();
  }
}

/** A sentence about what was thrown. */
export function messageOf(reason: unknown): string {
  const said = reason instanceof Error ? reason.message : String(reason);
  const message = said || 'that did not work, and the browser does not say why; is there room on the disk?';
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** Whether an operation was aborted: nothing to complain about. */
export function isAbort(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'AbortError';
}
