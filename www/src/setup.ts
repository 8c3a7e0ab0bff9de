/** The first view: which model, which device, and the load itself. */

import { Paceline, type Device, type LoadProgress } from 'paceline';
import { announce, byId, chosen, isAbort, megabytes, radios, showError } from './dom';

/** Where a site puts its models. */
const TARGET = './models/SmolLM2-135M-Instruct.Q4_1.gguf';
const DRAFT = './models/draft.gguf';

const HINTS: Record<Device, string> = {
  auto: 'WebGPU where there is a real one, otherwise the CPU.',
  webgpu: 'Your graphics processor. A software adapter works too, but is slow.',
  cpu: 'One core, with SIMD. Works in every browser.',
};

/** A model file: beside the page, or the visitor's own. */
interface Choice {
  source: string | File;
  name: string;
  bytes: number | undefined;
}

/** The two file fields. */
class FileField {
  choice: Choice | undefined;
  readonly #name: HTMLElement;
  readonly #empty: string;

  constructor(
    readonly id: 'target' | 'draft',
    readonly onChange: () => void,
  ) {
    this.#name = byId(`${id}-name`);
    this.#empty = this.#name.textContent ?? '';
    const input = byId<HTMLInputElement>(`${id}-file`);
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) {
        this.take(file);
      }
      input.value = '';
    });
  }

  take(file: File): void {
    this.set({ source: file, name: file.name, bytes: file.size });
  }

  set(choice: Choice | undefined, empty = this.#empty): void {
    this.choice = choice;
    this.#name.textContent = choice ? choice.name : empty;
    if (choice?.bytes !== undefined) {
      const size = document.createElement('small');
      size.textContent = megabytes(choice.bytes);
      this.#name.append(' ', size);
    }
    this.onChange();
  }
}

/** Whether a file lies beside the page. */
async function probe(path: string): Promise<Choice | undefined> {
  try {
    const response = await fetch(path, { method: 'HEAD' });
    // A server that answers everything with its page answers this too.
    if (!response.ok || response.headers.get('content-type')?.startsWith('text/html')) {
      return undefined;
    }
    const length = response.headers.get('content-length');
    return {
      source: path,
      name: path.split('/').at(-1) ?? path,
      bytes: length === null ? undefined : Number(length),
    };
  } catch {
    return undefined;
  }
}

/** Sets the view up; `onLoaded` gets the engine. */
export async function setUp(onLoaded: (engine: Paceline) => void): Promise<void> {
  const form = byId<HTMLFormElement>('setup-form');
  const loading = byId('loading');
  const error = byId('setup-error');
  const button = byId<HTMLButtonElement>('load');
  const target = new FileField('target', () => (button.disabled = !target.choice));
  const clear = byId<HTMLButtonElement>('draft-clear');
  const draft = new FileField('draft', () => (clear.hidden = !draft.choice));
  clear.addEventListener('click', () => draft.set(undefined));

  for (const radio of radios('device')) {
    radio.addEventListener(
      'change',
      () => (byId('device-hint').textContent = HINTS[chosen<Device>('device')]),
    );
  }
  acceptDrops(file => {
    if (document.body.dataset.state === 'setup') {
      // A second file is the draft.
      (target.choice?.source instanceof File ? draft : target).take(file);
    }
  });

  let controller: AbortController | undefined;
  byId('cancel').addEventListener('click', () => controller?.abort());
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (!target.choice || controller) {
      return;
    }
    controller = new AbortController();
    showError(error);
    form.hidden = true;
    loading.hidden = false;
    byId('cancel').focus();
    announce('Loading');
    const showProgress = progressOf({ target: target.choice.bytes, draft: draft.choice?.bytes ?? 0 });
    showProgress({ part: 'target', loaded: 0, total: target.choice.bytes });
    try {
      const engine = await Paceline.load({
        target: target.choice.source,
        draft: draft.choice?.source,
        device: chosen<Device>('device'),
        onProgress: showProgress,
        signal: controller.signal,
      });
      announce('The model is loaded');
      onLoaded(engine);
    } catch (reason) {
      if (isAbort(reason)) {
        announce('Loading was cancelled');
      } else {
        showError(error, reason);
      }
    } finally {
      controller = undefined;
      loading.hidden = true;
      form.hidden = false;
      if (document.body.dataset.state === 'setup') {
        button.focus();
      }
    }
  });

  const [model, small] = await Promise.all([probe(TARGET), probe(DRAFT)]);
  if (!target.choice) {
    target.set(model, 'None beside this page: choose a GGUF file');
  }
  if (small && !draft.choice) {
    draft.set(small);
  }
}

/** Shows the progress of all files together. */
function progressOf(
  totals: Record<LoadProgress['part'], number | undefined>,
): (progress: LoadProgress) => void {
  const bar = byId<HTMLProgressElement>('loading-bar');
  const loaded = { target: 0, draft: 0 };
  return progress => {
    loaded[progress.part] = progress.loaded;
    totals[progress.part] ??= progress.total;
    const [read, { target, draft }] = [loaded.target + loaded.draft, totals];
    const total = target === undefined || draft === undefined ? undefined : target + draft;
    byId('loading-text').textContent = total !== undefined && read >= total ? 'Preparing…' : 'Loading…';
    byId('loading-bytes').textContent =
      total === undefined ? megabytes(read) : `${megabytes(read)} of ${megabytes(total)}`;
    if (total === undefined) {
      bar.removeAttribute('value');
    } else {
      bar.value = read / total;
    }
  };
}

function acceptDrops(take: (file: File) => void): void {
  addEventListener('dragover', event => {
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  const end = () => document.body.classList.remove('dragging');
  addEventListener('dragleave', event => event.relatedTarget ?? end());
  addEventListener('drop', event => {
    event.preventDefault();
    end();
    [...(event.dataTransfer?.files ?? [])].forEach(take);
  });
}
