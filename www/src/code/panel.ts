/** The card with the program of the current settings, to be copied. */

import type { Host } from '../engine/host';
import { choices, optionsOf } from '../settings/choices';
import { build } from '../ui/build';
import { copyFrom } from '../ui/copy';
import { snippet } from './snippet';

interface Parts {
  code: HTMLElement;
  copy: HTMLButtonElement;
}

/** Makes the card. */
export function codeCard(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <details class="card" id="code">
      <summary><h2>Code</h2></summary>
      <p class="hint">These settings as a program: <code>npm install paceline</code></p>
      <pre tabindex="0" aria-label="Program of these settings"><code data-part="code"></code></pre>
      <button type="button" class="quiet" data-part="copy">Copy</button>
    </details>`);
  const show = () => {
    const loaded = host.loaded.value;
    if (loaded) {
      parts.code.textContent = snippet({
        target: loaded.plan.target.origin,
        draft: loaded.plan.draft?.origin,
        device: loaded.plan.device,
        options: optionsOf(choices.value),
        chat: loaded.engine.info.hasChatTemplate,
        prompt: 'Why is the sky blue?',
      });
    }
  };
  host.loaded.watch(show);
  choices.watch(show);

  parts.copy.addEventListener('click', () => void copyFrom(parts.code, parts.copy));
  return root;
}
