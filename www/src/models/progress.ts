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

  show(what: string, loaded: number, total: number | undefined): void {
    const { text, bytes, bar } = this.#parts;
    text.textContent = `${what}…`;
    bytes.textContent =
      total === undefined
        ? loaded > 0
          ? megabytes(loaded)
          : ''
        : `${megabytes(loaded)} of ${megabytes(total)}`;
    if (total) {
      bar.value = loaded / total;
    } else {
      bar.removeAttribute('value');
    }
  }
}
