/**
 * The files of a load: into the store first, where they are to be kept, then from there into the engine.
 * @module
 */

import { open, openStored } from '../../bytes/open.js';
import type { ByteStream } from '../../bytes/stream.js';
import { throttled } from '../../bytes/throttled.js';
import { PacelineError } from '../../errors.js';
import { openVault } from '../../store/open.js';
import type { StoredModel } from '../../store/types.js';
import type { Vault } from '../../store/vault.js';
import type { LoadProgress } from '../../types/load.js';
import { toMessage } from '../../wire/errors.js';
import type { FileMessage, SourceMessage } from '../../wire/protocol.js';

type Part = LoadProgress['part'];
type Tell = (progress: LoadProgress) => void;

/** A model that can be read now. */
type Ready =
  | { type: 'direct'; files: FileMessage[]; notStored?: string }
  | { type: 'stored'; vault: Vault; name: string; urls: string[] | undefined; fresh: boolean };

/** Loads from files that are open: all of each model. */
type Load<T> = (
  target: ByteStream[],
  draft: ByteStream[] | undefined,
  onProgress: (progress: LoadProgress) => void,
) => Promise<T>;

/**
 * Has `load` read the files. One that has changed in the store is fetched again; one that turns out to be no model does
 * not stay there.
 *
 * @returns what `load` gave, and why a file was not kept, where one was not
 */
export async function loadFiles<T>(
  sources: { target: SourceMessage; draft?: SourceMessage | undefined },
  tell: Tell,
  signal: AbortSignal,
  load: Load<T>,
): Promise<{ result: T; notStored: string | undefined }> {
  const [target, draft] = await Promise.all([
    prepare(sources.target, 'target', tell, signal),
    sources.draft && prepare(sources.draft, 'draft', tell, signal),
  ]);
  let reading: Part | undefined;
  const report = throttled<LoadProgress>(tell);
  const onProgress = (progress: LoadProgress) => {
    reading = progress.part;
    report(progress);
  };
  try {
    const result = await reads(target, 'target', tell, signal, first =>
      draft
        ? reads(draft, 'draft', tell, signal, second => load(first, second, onProgress))
        : load(first, undefined, onProgress),
    );
    const reasons = [target, draft].map(file => (file?.type === 'direct' ? file.notStored : undefined));
    return { result, notStored: reasons.find(reason => reason !== undefined) };
  } catch (error) {
    const bad = reading === 'draft' ? draft : target;
    if (bad?.type === 'stored' && bad.fresh && toMessage(error).code.startsWith('gguf-')) {
      await bad.vault.delete(bad.name);
    }
    throw error;
  }
}

/** Brings a file into the store, where it is to be kept. */
async function prepare(source: SourceMessage, part: Part, tell: Tell, signal: AbortSignal): Promise<Ready> {
  if (source.type === 'stored') {
    const { vault } = await openVault(source.directory);
    const model = await vault.find(source.name);
    return { type: 'stored', vault, name: source.name, urls: model && urlsOf(model), fresh: false };
  }
  const { files, store } = source;
  if (!store) {
    return { type: 'direct', files };
  }
  const urls = files.flatMap(file => (file.type === 'url' ? [file.url] : []));
  try {
    const { vault } = await openVault(store.directory);
    let fresh = false;
    const noteFresh: Tell = progress => {
      fresh = true;
      tell(progress);
    };
    const { name } = await download(vault, urls, part, noteFresh, signal);
    return { type: 'stored', vault, name, urls, fresh };
  } catch (error) {
    signal.throwIfAborted();
    if (store.required || (error instanceof PacelineError && !error.code.startsWith('store-'))) {
      throw error;
    }
    return { type: 'direct', files, notStored: toMessage(error).message };
  }
}

/** Where all of a stored model can be had again. */
function urlsOf({ url, parts }: StoredModel): string[] | undefined {
  const urls = parts ? parts.map(part => part.url) : [url];
  return urls.every(url => url !== undefined) ? urls : undefined;
}

function download(vault: Vault, urls: string[], part: Part, tell: Tell, signal: AbortSignal, again?: string) {
  const onProgress = ({ loaded, total }: { loaded: number; total?: number }) =>
    tell({ part, phase: 'download', loaded, total });
  return vault.download(urls, {
    ...(again !== undefined && { name: again, force: true }),
    onProgress,
    signal,
  });
}

/** Gives the bytes of a model to `use`; once more, and fetched anew, where they have changed in the store. */
async function reads<T>(
  model: Ready,
  part: Part,
  tell: Tell,
  signal: AbortSignal,
  use: (files: ByteStream[]) => Promise<T>,
): Promise<T> {
  if (model.type === 'direct') {
    const { files, failure } = noting(await open(model.files, signal));
    try {
      return await use(files);
    } catch (error) {
      // The engine only knows that a read failed.
      throw failure() instanceof PacelineError ? failure() : error;
    }
  }
  const { vault, name, urls } = model;
  /** Whether an error is about this model: another one may be read inside `use`. */
  let own = true;
  const once = () =>
    vault.reading(name, signal, async stored => {
      const { files, failure } = noting(await openStored(stored));
      try {
        return await use(files);
      } catch (error) {
        own = failure() !== undefined;
        throw failure() ?? error;
      }
    });
  try {
    return await once();
  } catch (error) {
    signal.throwIfAborted();
    if (!own || urls === undefined || toMessage(error).code !== 'store-corrupt') {
      throw error;
    }
    await download(vault, urls, part, tell, signal, name);
    return once();
  }
}

/** The same files, and the error that the reading of one failed with. */
function noting(files: ByteStream[]): { files: ByteStream[]; failure: () => unknown } {
  let failure: unknown;
  const noted = (stream: ReadableStream<Uint8Array>) => {
    const reader = stream.getReader();
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (done) {
              controller.close();
            } else {
              controller.enqueue(value);
            }
          } catch (error) {
            failure = error;
            throw error;
          }
        },
        cancel: reason => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  };
  return { files: files.map(file => ({ ...file, stream: noted(file.stream) })), failure: () => failure };
}
