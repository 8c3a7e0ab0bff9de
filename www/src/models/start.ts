/** The card that loads: which model, which draft, which device. */

import type { Device, LoadProgress } from 'paceline';
import type { Host } from '../engine/host';
import { announce } from '../ui/announce';
import { build } from '../ui/build';
import { isAbort, Problem } from '../ui/problem';
import { ModelChoice } from './choice';
import { fetchMissing, pickOf } from './fetching';
import type { Library } from './library';
import { lengthOf, type Model } from './model';
import { ProgressLine } from './progress';

const HINTS: Record<Device, string> = {
  auto: 'WebGPU where there is a real one, otherwise the CPU.',
  webgpu: 'Your graphics processor. A software adapter works too, but is slow.',
  cpu: 'One core, with SIMD. Works in every browser.',
};

interface Parts {
  form: HTMLFormElement;
  fields: HTMLElement;
  hint: HTMLElement;
  load: HTMLButtonElement;
  loading: HTMLElement;
  cancel: HTMLButtonElement;
}

export class Start {
  readonly root: HTMLElement;
  readonly #library: Library;
  readonly #host: Host;
  readonly #parts: Parts;
  readonly #target: ModelChoice;
  readonly #draft: ModelChoice;
  readonly #progress = new ProgressLine();
  readonly #problem = new Problem();
  readonly #onLoaded: () => void;
  #controller: AbortController | undefined;

  constructor(library: Library, host: Host, onLoaded: () => void) {
    const { root, parts } = build<Parts>(`
      <section class="card start" aria-labelledby="start-title">
        <h2 id="start-title">Load a model</h2>
        <form data-part="form">
          <div data-part="fields"></div>
          <fieldset class="field">
            <legend class="label">Run on</legend>
            <div class="choices">
              <label><input type="radio" name="device" value="auto" checked /><span>Automatic</span></label>
              <label><input type="radio" name="device" value="webgpu" /><span>WebGPU</span></label>
              <label><input type="radio" name="device" value="cpu" /><span>CPU</span></label>
            </div>
            <p class="hint" data-part="hint"></p>
          </fieldset>
          <div class="actions">
            <button class="primary" id="load" type="submit" data-part="load" disabled>Load</button>
            <p class="hint">GGUF files of the llama, qwen2 and qwen3 families. You can drop them here.</p>
          </div>
        </form>
        <div id="loading" data-part="loading" hidden>
          <div class="actions"><button id="cancel" type="button" data-part="cancel">Stop</button></div>
        </div>
      </section>`);
    [this.root, this.#parts, this.#library, this.#host, this.#onLoaded] = [
      root,
      parts,
      library,
      host,
      onLoaded,
    ];
    const ready = () => this.#ready();
    this.#target = new ModelChoice(
      library,
      { role: 'target', label: 'Model', none: 'None: choose a file' },
      ready,
    );
    this.#draft = new ModelChoice(library, { role: 'draft', label: 'Draft model', none: 'None' }, ready);
    parts.fields.append(this.#target.root, this.#draft.root);
    parts.loading.prepend(this.#progress.root);
    root.append(this.#problem.root);
    parts.hint.textContent = HINTS.auto;
    parts.form.addEventListener('change', () => (parts.hint.textContent = HINTS[this.#device]));
    parts.form.addEventListener('submit', event => {
      event.preventDefault();
      void this.load();
    });
    parts.cancel.addEventListener('click', () => this.#controller?.abort());
  }

  /** Takes a model that was dropped: as the model, or as its draft where files are the model already. */
  take(files: File[]): void {
    const { key } = this.#library.addFiles(files);
    (this.#target.model?.files ? this.#draft : this.#target).choose(key);
  }

  /** Loads what is chosen. `keep`: what comes from the network is kept in the browser. */
  async load(keep = this.#library.keeps): Promise<void> {
    const target = this.#target.model;
    const draft = this.#draft.model;
    if (!target || this.#controller) {
      return;
    }
    const controller = (this.#controller = new AbortController());
    const { signal } = controller;
    const models = draft ? [target, draft] : [target];
    this.#busy(true);
    try {
      if (keep) {
        const show = (loaded: number, total: number | undefined) =>
          this.#progress.show('Downloading', loaded, total);
        await fetchMissing(this.#library, models, show, signal);
      }
      const [first, second] = models.map(({ key }) => pickOf(this.#library.find(key) ?? target));
      if (first) {
        const plan = { target: first, draft: second, device: this.#device };
        await this.#host.load(plan, this.#loading(models), signal);
        announce('The model is loaded');
        this.#onLoaded();
      }
    } catch (reason) {
      this.#failed(reason, keep);
    } finally {
      this.#controller = undefined;
      this.#busy(false);
    }
  }

  get #device(): Device {
    return new FormData(this.#parts.form).get('device') as Device;
  }

  /** Shows the progress of all files together. */
  #loading(models: Model[]): (progress: LoadProgress) => void {
    const [target, draft] = models.map(lengthOf);
    const totals = { target, draft: models.length > 1 ? draft : 0 };
    const loaded = { target: 0, draft: 0 };
    this.#progress.show('Loading', 0, undefined);
    return progress => {
      if (progress.phase === 'compile') {
        this.#progress.show('Compiling for this GPU', progress.loaded, progress.total, String);
        return;
      }
      loaded[progress.part] = progress.loaded;
      totals[progress.part] ??= progress.total;
      const read = loaded.target + loaded.draft;
      const total =
        totals.target === undefined || totals.draft === undefined ? undefined : totals.target + totals.draft;
      this.#progress.show(total !== undefined && read >= total ? 'Preparing' : 'Loading', read, total);
    };
  }

  #failed(reason: unknown, keep: boolean): void {
    const code = (reason as { code?: string }).code ?? '';
    if (isAbort(reason)) {
      announce('Loading was stopped; what has come is kept');
      return;
    }
    const again = { label: 'Try again', act: () => void this.load() };
    const unkept = { label: 'Load without keeping it', act: () => void this.load(false) };
    // Whatever the store's trouble is, the model can do without it; a network's trouble is no better there.
    const stored = keep && /^(store-|internal)/.test(code);
    this.#problem.show(reason, ...(stored ? [again, unkept] : [again]));
  }

  #busy(busy: boolean): void {
    const { form, loading, load, cancel } = this.#parts;
    const refocus = this.root.contains(document.activeElement);
    form.hidden = busy;
    loading.hidden = !busy;
    if (busy) {
      this.#problem.clear();
      this.#progress.show('Loading', 0, undefined);
      announce('Loading');
    }
    if (refocus) {
      (busy ? cancel : load).focus();
    }
  }

  #ready(): void {
    // The fields tell of their models before both are there.
    this.#parts.load.disabled = !this.#target?.model;
  }
}
