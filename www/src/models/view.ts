/** The models view: what this is, the card that loads, and the list of models. */

import type { Host } from '../engine/host';
import { build } from '../ui/build';
import type { Library } from './library';
import { shelf } from './shelf';
import { Start } from './start';

interface Parts {
  cards: HTMLElement;
  unload: HTMLElement;
  title: HTMLElement;
  button: HTMLButtonElement;
}

/** A view, and its card that loads. */
export interface ModelsView {
  root: HTMLElement;
  start: Start;
}

/** Makes the view; `onLoaded` is called after each load that the visitor asked for. */
export function modelsView(library: Library, host: Host, onLoaded: () => void): ModelsView {
  const { root, parts } = build<Parts>(`
    <section class="view models" id="view-models" data-for="models" aria-label="Models">
      <div class="intro">
        <h2>Speculative decoding, in this page.</h2>
        <p>
          A draft <mark class="by-draft">runs a few words ahead</mark>, the model checks them all
          <span class="by-target">at once</span>. The text is exactly the model’s own, only sooner. Nothing you write
          leaves this page.
        </p>
      </div>
      <div class="card loaded" data-part="unload" hidden>
        <p><strong data-part="title"></strong> is loaded.</p>
        <button type="button" class="quiet" id="unload" data-part="button">Unload</button>
      </div>
      <div class="cards" data-part="cards"></div>
      <p class="hint beside">
        How fast is it here? <a href="./bench.html">Measure this machine</a>: every way to draft, side by side.
      </p>
    </section>`);
  const start = new Start(library, host, onLoaded);
  parts.cards.append(start.root, shelf(library));
  host.loaded.watch(loaded => {
    parts.unload.hidden = !loaded;
    parts.title.textContent = loaded?.plan.target.title ?? '';
  });
  parts.button.addEventListener('click', () => {
    host.unload();
    root.querySelector<HTMLElement>('#load')?.focus();
  });
  return { root, start };
}
