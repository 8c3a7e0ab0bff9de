/** A field that chooses a model: one of the listed ones, or a file. */

import { build } from '../ui/build';
import { megabytes } from '../ui/format';
import type { Role } from './catalogue';
import { modelsOf } from './files';
import { usable, type Library } from './library';
import { isKept, lengthOf, type Model } from './model';

interface Parts {
  label: HTMLElement;
  select: HTMLSelectElement;
  pick: HTMLLabelElement;
  file: HTMLInputElement;
}

/** What the field says. */
export interface ChoiceOptions {
  role: Role;
  label: string;
  /** The words for no model. */
  none: string;
}

export class ModelChoice {
  readonly root: HTMLElement;
  readonly #library: Library;
  readonly #select: HTMLSelectElement;
  readonly #options: ChoiceOptions;
  readonly #onChange: () => void;
  #key = '';
  /** Whether the visitor chose: what is there by itself does not change that. */
  #chosen = false;

  constructor(library: Library, options: ChoiceOptions, onChange: () => void) {
    const { role } = options;
    const { root, parts } = build<Parts>(`
      <div class="field">
        <label class="label" for="${role}" data-part="label"></label>
        <div class="line">
          <select id="${role}" data-part="select"></select>
          <input class="visually-hidden" id="${role}-file" type="file" accept=".gguf" multiple data-part="file" />
          <label class="button quiet" for="${role}-file" data-part="pick">File…</label>
        </div>
      </div>`);
    [this.root, this.#library, this.#select, this.#options, this.#onChange] = [
      root,
      library,
      parts.select,
      options,
      onChange,
    ];
    parts.label.textContent = options.label;
    parts.file.setAttribute('aria-label', `${options.label}: choose a file, or all files of a split model`);
    parts.select.addEventListener('change', () => this.choose(parts.select.value));
    parts.file.addEventListener('change', () => {
      const [first] = modelsOf([...(parts.file.files ?? [])]).map(files => library.addFiles(files));
      if (first) {
        this.choose(first.key);
      }
      parts.file.value = '';
    });
    library.models.watch(models => this.#list(usable(models)));
  }

  get model(): Model | undefined {
    return this.#library.find(this.#key);
  }

  /** Chooses the model with this key, or none. */
  choose(key: string): void {
    this.#chosen = true;
    this.#key = key;
    this.#select.value = key;
    this.#onChange();
  }

  #list(models: Model[]): void {
    const { role, none } = this.#options;
    if (!models.some(({ key }) => key === this.#key)) {
      this.#key = '';
    }
    if (this.#key === '' && !this.#chosen) {
      const offered = models.find(model => model.role === role);
      const kept =
        role === 'target' ? models.find(model => model.role === undefined && isKept(model)) : undefined;
      this.#key = (offered ?? kept)?.key ?? '';
    }
    const options = [new Option(none, ''), ...models.map(model => new Option(describe(model), model.key))];
    const same =
      options.length === this.#select.options.length &&
      options.every((option, i) => option.text === this.#select.options[i]?.text);
    if (!same) {
      this.#select.replaceChildren(...options);
    }
    this.#select.value = this.#key;
    this.#onChange();
  }
}

/** A model in one line, with nothing in it that changes while it is downloaded. */
function describe(model: Model): string {
  const length = lengthOf(model);
  const count = model.files?.length ?? 0;
  const where =
    count > 1 ? `${count} files` : count === 1 ? 'a file' : isKept(model) ? 'in this browser' : 'to download';
  return [model.title, length === undefined ? '' : megabytes(length), where].filter(Boolean).join(' · ');
}
