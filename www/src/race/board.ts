/** Where the verdict stands. */

import { build } from '../ui/build';
import { ratioText, ratioWords, type Verdict } from './verdict';

interface Parts {
  ratio: HTMLElement;
  words: HTMLElement;
  check: HTMLElement;
}

export class Board {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor() {
    const { root, parts } = build<Parts>(`
      <div class="board" role="status" aria-live="polite" hidden>
        <p class="ratio"><strong data-part="ratio"></strong> <span data-part="words"></span></p>
        <p class="check-line" data-part="check"></p>
      </div>`);
    [this.root, this.#parts] = [root, parts];
  }

  hide(): void {
    this.root.hidden = true;
    this.#parts.ratio.textContent = '';
    this.#parts.words.textContent = '';
    this.#parts.check.textContent = '';
  }

  /** Shows what came out; `free` says why the texts need not be the same. */
  show({ ratio, texts }: Verdict, free: string): void {
    const { check } = this.#parts;
    this.root.hidden = false;
    this.#parts.ratio.textContent = ratioText(ratio);
    this.#parts.words.textContent = ratioWords(ratio);
    check.dataset.outcome = !texts ? 'free' : texts.identical ? 'same' : 'different';
    check.textContent = !texts
      ? `Texts not compared: ${free}`
      : texts.identical
        ? `Identical, token for token (${texts.tokens})`
        : `Texts differ from token ${texts.at + 1} on: that should never happen, please report it`;
  }
}
