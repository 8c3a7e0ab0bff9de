/** A line at the edge of the page, with something to do about it. */

import { build } from '../ui/build';

interface Parts {
  text: HTMLElement;
  act: HTMLButtonElement;
  close: HTMLButtonElement;
}

export class Notice {
  readonly root: HTMLElement;
  readonly #parts: Parts;
  #act: () => void = () => {};

  constructor() {
    const { root, parts } = build<Parts>(`
      <div class="notice" role="status" hidden>
        <p data-part="text"></p>
        <button type="button" class="primary" data-part="act"></button>
        <button type="button" class="quiet" data-part="close">Later</button>
      </div>`);
    [this.root, this.#parts] = [root, parts];
    parts.act.addEventListener('click', () => this.#act());
    parts.close.addEventListener('click', () => (root.hidden = true));
  }

  show(text: string, label: string, act: () => void): void {
    this.root.hidden = false;
    this.#parts.text.textContent = text;
    this.#parts.act.textContent = label;
    this.#act = act;
  }
}
