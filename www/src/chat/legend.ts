/** What the tints mean, and whether they are shown. */

import { build } from '../ui/build';

interface Parts {
  tint: HTMLInputElement;
}

/** Makes the legend; `tinted` loses its tints while the box is not checked. */
export function legend(tinted: HTMLElement): HTMLElement {
  const { root, parts } = build<Parts>(`
    <p class="legend">
      <mark class="by-draft">accepted draft</mark>
      <span class="by-target">target</span>
      <label class="check"><input type="checkbox" id="tint" data-part="tint" checked /> Tint</label>
    </p>`);
  parts.tint.addEventListener('change', () => tinted.classList.toggle('untinted', !parts.tint.checked));
  return root;
}
