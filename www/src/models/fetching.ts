/** From a listed model to something that an engine can load. */

import type { Source } from 'paceline';
import type { Pick } from '../engine/host';
import type { Library } from './library';
import { isKept, lengthOf, originOf, type Model } from './model';

/** How far all of them are together. */
export type Progress = (loaded: number, total: number | undefined) => void;

/**
 * Downloads what the browser does not keep yet, one after the other.
 *
 * @throws what the store throws
 */
export async function fetchMissing(
  library: Library,
  models: readonly Model[],
  onProgress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const missing = models.filter(model => !model.files && !isKept(model)).map(({ key }) => key);
  const total = sum(missing.map(key => library.find(key)).map(model => model && lengthOf(model)));
  const listen = () => {
    const parts = missing.map(key => library.find(key));
    const loaded = parts.map(model => model?.transfer?.loaded ?? model?.stored?.bytes ?? 0);
    onProgress(sum(loaded) ?? 0, total ?? sum(parts.map(model => model?.transfer?.total)));
  };
  let listening = missing.length > 0;
  library.models.watch(() => listening && listen());
  try {
    for (const key of missing) {
      await library.download(key, signal);
    }
  } finally {
    listening = false;
  }
}

/** A model as it is loaded. */
export function pickOf(model: Model): Pick {
  return { title: model.title, origin: originOf(model), source: sourceOf(model) };
}

/** The source of a model: what is kept, or files, or else the bytes as they come from the network, unkept. */
function sourceOf({ files, stored, url = '' }: Model): Source {
  if (files) {
    return files;
  }
  return stored?.complete ? { stored: stored.name } : url;
}

/** The sum, where all parts are known. */
function sum(parts: readonly (number | undefined)[]): number | undefined {
  return parts.includes(undefined)
    ? undefined
    : parts.reduce<number>((total, part) => total + (part ?? 0), 0);
}
