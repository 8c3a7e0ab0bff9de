/** A model in the list: what is there of it, and what can be done. */

import { announce } from '../ui/announce';
import { build } from '../ui/build';
import { megabytes, percent } from '../ui/format';
import { isAbort, messageOf } from '../ui/problem';
import type { Library } from './library';
import { isKept, lengthOf, type Model } from './model';

interface Parts {
  title: HTMLElement;
  meta: HTMLElement;
  bar: HTMLProgressElement;
  problem: HTMLElement;
  act: HTMLButtonElement;
  check: HTMLButtonElement;
  remove: HTMLButtonElement;
}

/** How long the button asks whether it was meant, in ms. */
const ASK_MS = 5000;

export class Row {
  readonly root: HTMLElement;
  readonly #library: Library;
  readonly #parts: Parts;
  #model: Model;
  #asking = false;
  #checked = '';

  constructor(library: Library, model: Model) {
    const { root, parts } = build<Parts>(`
      <li class="row">
        <div class="row-name"><strong data-part="title"></strong><span class="hint" data-part="meta"></span></div>
        <div class="row-actions">
          <button type="button" class="quiet" data-part="act"></button>
          <button type="button" class="quiet" data-part="check">Check</button>
          <button type="button" class="quiet" data-part="remove">Delete</button>
        </div>
        <progress data-part="bar" max="1" hidden></progress>
        <p class="row-problem" data-part="problem" role="alert" hidden></p>
      </li>`);
    [this.root, this.#parts, this.#library, this.#model] = [root, parts, library, model];
    root.dataset.key = model.key;
    parts.act.addEventListener('click', () => void this.#act());
    parts.check.addEventListener('click', () => void this.#check());
    parts.remove.addEventListener('click', () => void this.#remove());
    this.show(model);
  }

  show(model: Model): void {
    this.#model = model;
    const { title, meta, bar, problem, act, check, remove } = this.#parts;
    const { transfer, stored, files } = model;
    title.textContent = model.title;
    meta.textContent = [this.#size(), this.#state(), this.#checked].filter(Boolean).join(' · ');

    const part =
      transfer ?? (stored && !stored.complete ? { loaded: stored.bytes, total: lengthOf(model) } : undefined);
    bar.hidden = !part;
    bar.setAttribute('aria-label', `${model.title}, how much has come`);
    if (part?.total) {
      bar.value = part.loaded / part.total;
    } else {
      bar.removeAttribute('value');
    }
    problem.hidden = model.problem === undefined;
    const words = model.problem === undefined ? '' : messageOf(model.problem);
    if (problem.textContent !== words) {
      problem.textContent = words;
    }

    const label = this.#label();
    act.hidden = label === undefined;
    name(act, label ?? '', model.title);
    check.hidden = !isKept(model) || transfer !== undefined;
    name(check, 'Check', model.title);
    remove.hidden = transfer?.kind === 'check' || (!stored && !files && !this.#typed());
    name(remove, this.#asking ? 'Really delete?' : stored ? 'Delete' : 'Remove', model.title);
  }

  #label(): string | undefined {
    const { transfer, stored, files, url } = this.#model;
    if (transfer) {
      return transfer.kind === 'check' ? undefined : transfer.kind === 'download' ? 'Pause' : 'Cancel';
    }
    if (files && !stored) {
      return this.#library.keeps ? 'Keep' : undefined;
    }
    if (!url || isKept(this.#model) || !this.#library.keeps) {
      return undefined;
    }
    return stored ? 'Resume' : 'Download';
  }

  #size(): string {
    const { transfer } = this.#model;
    const total = lengthOf(this.#model) ?? transfer?.total;
    const loaded = transfer && transfer.kind !== 'check' ? transfer.loaded : undefined;
    if (loaded === undefined) {
      return total === undefined ? '' : megabytes(total);
    }
    return total === undefined ? megabytes(loaded) : `${megabytes(loaded)} of ${megabytes(total)}`;
  }

  #state(): string {
    const { transfer, stored, files, bytes } = this.#model;
    if (transfer) {
      return { download: 'downloading', import: 'being kept', check: 'being checked' }[transfer.kind];
    }
    if (stored?.complete) {
      return 'in this browser';
    }
    if (stored) {
      const total = stored.total ?? bytes;
      return total ? `paused at ${percent(stored.bytes / total)}` : 'paused';
    }
    if (files) {
      return files.length === 1 ? 'a file, gone with the page' : `${files.length} files, gone with the page`;
    }
    return 'not here yet';
  }

  /** Whether the visitor typed its address. */
  #typed(): boolean {
    return this.#model.role === undefined && this.#model.url !== undefined;
  }

  async #act(): Promise<void> {
    const { key, title, transfer, files } = this.#model;
    if (transfer) {
      this.#library.pause(key);
      return;
    }
    this.#checked = '';
    announce(`${title}: ${files ? 'being kept' : 'downloading'}`);
    try {
      await (files ? this.#library.keep(key) : this.#library.download(key));
      announce(`${title} is in this browser`);
    } catch (reason) {
      // Anything else than a pause stands in the row.
      if (isAbort(reason)) {
        announce(`${title}: paused`);
      }
    }
  }

  async #check(): Promise<void> {
    const { key, title } = this.#model;
    try {
      this.#checked = (await this.#library.check(key))
        ? 'intact'
        : 'damaged: delete it and download it again';
    } catch {
      this.#checked = '';
    }
    announce(`${title}: ${this.#checked}`);
    this.show(this.#library.find(key) ?? this.#model);
  }

  async #remove(): Promise<void> {
    const { key, title, stored } = this.#model;
    if (stored && !this.#asking) {
      this.#asking = true;
      setTimeout(() => {
        this.#asking = false;
        this.show(this.#model);
      }, ASK_MS);
      this.show(this.#model);
      return;
    }
    this.#asking = false;
    await this.#library.remove(key);
    announce(`${title}: deleted`);
  }
}

/** A button's words, and for those who do not see its row, whose button it is. */
function name(button: HTMLButtonElement, label: string, title: string): void {
  if (button.textContent !== label) {
    button.textContent = label;
  }
  button.setAttribute('aria-label', `${label} ${title}`);
}
