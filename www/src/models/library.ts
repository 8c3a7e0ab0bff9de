/** All models that the page knows of, and what can be done with them. */

import { ModelStore, type StoredModel, type StoreUsage } from 'paceline';
import { isAbort } from '../ui/problem';
import { State } from '../ui/state';
import { readCatalogue, type Offer } from './catalogue';
import { firstFile, modelName } from './files';
import { isKept, lengthOf, type Model, type Transfer } from './model';

/** Tells other tabs of this page that the store has changed. */
const CHANNEL = 'paceline-demo-models';

export class Library {
  readonly models = new State<Model[]>([]);
  readonly usage = new State<StoreUsage | undefined>(undefined);
  /** Why the browser keeps nothing. */
  unavailable: unknown;
  #store: ModelStore | undefined;
  #offers: Offer[] = [];
  /** Picked files and typed addresses: they are gone with the page. */
  #added: Model[] = [];
  #files = 0;
  readonly #downloads = new Map<string, Promise<void>>();
  readonly #others = new BroadcastChannel(CHANNEL);

  /** Looks at what the site offers and what the browser keeps. */
  async open(): Promise<void> {
    const [offers, store] = await Promise.allSettled([readCatalogue(), ModelStore.open()]);
    this.#offers = offers.status === 'fulfilled' ? offers.value : [];
    if (store.status === 'fulfilled') {
      this.#store = store.value;
    } else {
      this.unavailable = store.reason;
    }
    this.#others.onmessage = () => void this.refresh();
    addEventListener('visibilitychange', () => document.hidden || void this.refresh());
    await this.refresh();
  }

  /** Whether models can be kept. */
  get keeps(): boolean {
    return this.#store !== undefined;
  }

  /** Lists everything anew. */
  async refresh(): Promise<void> {
    const stored = (await this.#store?.list().catch(() => undefined)) ?? [];
    this.usage.value = await this.#store?.usage().catch(() => undefined);
    this.models.value = this.#merge(stored);
  }

  /** The model with this key. */
  find(key: string): Model | undefined {
    return this.models.value.find(model => model.key === key);
  }

  /** Adds a model from the visitor's disk: all of its files. */
  addFiles(files: File[]): Model {
    const title = files.length > 1 ? modelName(files[0]?.name ?? '') : (files[0]?.name ?? '');
    const model: Model = { key: `file:${this.#files++}`, title, role: undefined, files };
    this.#added.push(model);
    this.#set([...this.models.value, model]);
    return model;
  }

  /** Adds an address. */
  addUrl(typed: string): Model {
    const url = firstFile(typed);
    const key = new URL(url, document.baseURI).href;
    const known = this.find(key);
    if (known) {
      return known;
    }
    const title = modelName(decodeURIComponent(new URL(key).pathname.split('/').at(-1) || key));
    const model: Model = { key, title, role: undefined, url };
    this.#added.push(model);
    this.#set([...this.models.value, model]);
    return model;
  }

  /**
   * Downloads a model, or the rest of it; a pause is an abort. One that is on its way already is joined.
   *
   * @throws what the store throws, which the model's `problem` then is too
   */
  download(key: string, outer?: AbortSignal): Promise<void> {
    const pause = () => this.pause(key);
    outer?.addEventListener('abort', pause);
    const download = this.#downloads.get(key) ?? this.#download(key);
    this.#downloads.set(key, download);
    return download.finally(() => {
      this.#downloads.delete(key);
      outer?.removeEventListener('abort', pause);
    });
  }

  async #download(key: string): Promise<void> {
    const { url, sha256 } = this.#get(key);
    if (url === undefined) {
      return;
    }
    await this.#transfer(key, 'download', (store, transfer, onProgress) =>
      store.download(url, { signal: transfer.controller.signal, onProgress, ...(sha256 ? { sha256 } : {}) }),
    );
  }

  /** Keeps a picked model in the browser. */
  async keep(key: string): Promise<void> {
    const { files, title } = this.#get(key);
    if (!files) {
      return;
    }
    await this.#transfer(key, 'import', (store, transfer, onProgress) =>
      store.import(title, files, { signal: transfer.controller.signal, onProgress }),
    );
    this.#added = this.#added.filter(model => model.key !== key);
    await this.refresh();
  }

  /** Whether a kept model is still what it was. */
  async check(key: string): Promise<boolean> {
    const { stored } = this.#get(key);
    let intact = false;
    await this.#transfer(key, 'check', async store => {
      intact = stored !== undefined && (await store.verify(stored.name));
    });
    return intact;
  }

  /** Stops what is being done with a model; what has come of it stays. */
  pause(key: string): void {
    this.find(key)?.transfer?.controller.abort();
  }

  /** Removes a model from the browser, or from the list. */
  async remove(key: string): Promise<void> {
    const { stored } = this.#get(key);
    this.pause(key);
    if (stored) {
      await this.#store?.delete(stored.name);
    }
    this.#added = this.#added.filter(model => model.key !== key);
    await this.#changed();
  }

  /** Asks the browser to keep the models when room gets short. */
  async persist(): Promise<boolean> {
    const persisted = (await this.#store?.persist()) ?? false;
    await this.refresh();
    return persisted;
  }

  /** Does something with a model that takes a while, and shows how far it is. */
  async #transfer(
    key: string,
    kind: Transfer['kind'],
    act: (
      store: ModelStore,
      transfer: Transfer,
      onProgress: (progress: { loaded: number; total?: number }) => void,
    ) => Promise<unknown>,
  ): Promise<void> {
    const store = this.#store;
    if (!store) {
      throw this.unavailable;
    }
    const controller = new AbortController();
    const model = this.#get(key);
    const { stored } = model;
    const transfer: Transfer = {
      kind,
      loaded: kind === 'download' ? (stored?.bytes ?? 0) : 0,
      total: lengthOf(model),
      controller,
    };
    this.#update(key, { transfer, problem: undefined });
    try {
      await act(store, transfer, ({ loaded, total }) => {
        transfer.loaded = loaded;
        transfer.total = total ?? transfer.total;
        this.#update(key, { transfer });
      });
    } catch (reason) {
      this.#update(key, { problem: isAbort(reason) ? undefined : reason });
      throw reason;
    } finally {
      this.#update(key, { transfer: undefined });
      await this.#changed();
    }
  }

  #get(key: string): Model {
    const model = this.find(key);
    if (!model) {
      throw new Error('the model is gone; choose another one');
    }
    return model;
  }

  async #changed(): Promise<void> {
    this.#others.postMessage('changed');
    await this.refresh();
  }

  #update(key: string, change: { [K in keyof Model]?: Model[K] | undefined }): void {
    this.#set(
      this.models.value.map(model => (model.key === key ? ({ ...model, ...change } as Model) : model)),
    );
  }

  #set(models: Model[]): void {
    this.models.value = models;
  }

  /** What the site offers, then what the browser keeps besides, then what the visitor added. */
  #merge(stored: StoredModel[]): Model[] {
    const byUrl = new Map(stored.flatMap(model => (model.url ? [[model.url, model] as const] : [])));
    const models: Model[] = [];
    const add = (model: Model) => {
      if (!models.some(({ key }) => key === model.key)) {
        const { transfer, problem } = this.find(model.key) ?? {};
        models.push({ ...model, ...(transfer && { transfer }), ...(problem !== undefined && { problem }) });
      }
    };
    for (const offer of this.#offers) {
      const key = new URL(offer.url, document.baseURI).href;
      const kept = byUrl.get(key);
      if (offer.there || kept) {
        add({ key, ...offer, ...(kept && { stored: kept }) });
      }
    }
    for (const kept of stored) {
      const { name, url } = kept;
      add({ key: url ?? `stored:${name}`, title: name, role: undefined, stored: kept, ...(url && { url }) });
    }
    for (const model of this.#added) {
      const kept = byUrl.get(model.key);
      add({ ...model, ...(kept && { stored: kept }) });
    }
    return models;
  }
}

/** Models that are whole, or can be had. */
export function usable(models: Model[]): Model[] {
  return models.filter(model => isKept(model) || model.url !== undefined || model.files !== undefined);
}
