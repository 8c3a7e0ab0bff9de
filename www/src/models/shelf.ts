/** The card with the list of models: download, pause, resume, check, delete, add. */

import { build } from '../ui/build';
import { Problem } from '../ui/problem';
import type { Library } from './library';
import { Row } from './row';
import { storageLine } from './storage';

interface Parts {
  list: HTMLElement;
  none: HTMLElement;
  form: HTMLFormElement;
  url: HTMLInputElement;
}

/** Makes the card. */
export function shelf(library: Library): HTMLElement {
  const { root, parts } = build<Parts>(`
    <section class="card shelf" aria-labelledby="shelf-title">
      <h2 id="shelf-title">All models</h2>
      <ul class="rows" data-part="list"></ul>
      <p class="hint" data-part="none">None yet, and this site offers none: choose a file, drop one, or give an address.</p>
      <form class="add" data-part="form">
        <label class="label" for="add-url">Add from an address</label>
        <div class="line">
          <input id="add-url" type="url" required placeholder="https://…/model.gguf" data-part="url" autocomplete="off" />
          <button type="submit">Download</button>
        </div>
      </form>
    </section>`);
  const problem = new Problem();
  parts.form.after(problem.root, storageLine(library));
  const rows = new Map<string, Row>();

  library.models.watch(models => {
    parts.none.hidden = models.length > 0;
    for (const [key, row] of rows) {
      if (!models.some(model => model.key === key)) {
        row.root.remove();
        rows.delete(key);
      }
    }
    for (const model of models) {
      const row = rows.get(model.key);
      if (row) {
        row.show(model);
      } else {
        const made = new Row(library, model);
        rows.set(model.key, made);
        parts.list.append(made.root);
      }
    }
    parts.form.hidden = !library.keeps;
  });

  parts.form.addEventListener('submit', event => {
    event.preventDefault();
    problem.clear();
    const { key } = library.addUrl(parts.url.value);
    parts.url.value = '';
    // What fails stands in the model's row.
    library.download(key).catch(() => {});
  });
  return root;
}
