/** How far a load is. */

import { build } from '../ui/build';
import { megabytes } from '../ui/format';

interface Parts {
  text: HTMLElement;
  bytes: HTMLElement;
  bar: HTMLProgressElement;
}

export class ProgressLine {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor() {
    const { root, parts } = build<Parts>(`
      <div class="progress">
        <div class="line"><span id="loading-text" data-part="text"></span><span data-part="bytes"></span></div>
        <progress id="loading-bar" aria-labelledby="loading-text" max="1" data-part="bar"></progress>
      </div>`);
    [this.root, this.#parts] = [root, parts];
  }

  /** `inWords` says an amount; they are bytes unless it says something else. */
  show(
    what: string,
    loaded: number,
    total: number | undefined,
    inWords: (amount: number) => string = megabytes,
  ): void {
    const { text, bytes, bar } = this.#parts;
    text.textContent = `${what}…`;
    bytes.textContent =
      total === undefined ? (loaded > 0 ? inWords(loaded) : '') : `${inWords(loaded)} of ${inWords(total)}`;
    if (total) {
      bar.value = loaded / total;
    } else {
      bar.removeAttribute('value');
    }
  }
}
