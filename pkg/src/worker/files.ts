/**
 * The files of a load: into the store first, where they are to be kept, then from there into the engine.
 * @module
 */

import { PacelineError, toMessage } from '../errors.js';
import type { SourceMessage } from '../protocol.js';
import { openVault } from '../store/open.js';
import type { Vault } from '../store/vault.js';
import { throttled } from '../throttled.js';
import type { LoadProgress } from '../types.js';
import type { ByteStream, ReadProgress } from './backend.js';
import { open, paced } from './open.js';

type Part = LoadProgress['part'];
type Tell = (progress: LoadProgress) => void;

/** A file that can be read now. */
type Ready =
  | { type: 'direct'; source: SourceMessage; notStored?: string }
  | { type: 'stored'; vault: Vault; name: string; url: string | undefined; fresh: boolean };

/** Loads from files that are open. */
type Load<T> = (
  target: ByteStream,
  draft: ByteStream | undefined,
  onProgress: (progress: ReadProgress) => void,
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
  const onProgress = (progress: ReadProgress) => {
    reading = progress.part;
    report({ ...progress, phase: 'load' });
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
    return { type: 'stored', vault, name: source.name, url: model?.url, fresh: false };
  }
  if (source.type !== 'url' || !source.store) {
    return { type: 'direct', source };
  }
  const { url, store } = source;
  try {
    const { vault } = await openVault(store.directory);
    let fresh = false;
    const noteFresh: Tell = progress => {
      fresh = true;
      tell(progress);
    };
    const { name } = await download(vault, url, part, noteFresh, signal);
    return { type: 'stored', vault, name, url, fresh };
  } catch (error) {
    signal.throwIfAborted();
    if (store.required || (error instanceof PacelineError && !error.code.startsWith('store-'))) {
      throw error;
    }
    return { type: 'direct', source: { type: 'url', url }, notStored: toMessage(error).message };
  }
}

function download(vault: Vault, url: string, part: Part, tell: Tell, signal: AbortSignal, again?: string) {
  const onProgress = ({ loaded, total }: { loaded: number; total?: number }) =>
    tell({ part, phase: 'download', loaded, total });
  return vault.download(url, {
    ...(again !== undefined && { name: again, force: true }),
    onProgress,
    signal,
  });
}

/** Gives the bytes of a file to `use`; once more, and fetched anew, where they have changed in the store. */
async function reads<T>(
  file: Ready,
  part: Part,
  tell: Tell,
  signal: AbortSignal,
  use: (bytes: ByteStream) => Promise<T>,
): Promise<T> {
  if (file.type === 'direct') {
    return use(await open(file.source, signal));
  }
  const { vault, name, url } = file;
  /** Whether an error is about this file: another one may be read inside `use`. */
  let own = true;
  const once = () =>
    vault.reading(name, signal, async ({ stream, size }) => {
      const noted = noting(stream);
      try {
        return await use({ stream: paced(noted.stream), size });
      } catch (error) {
        const failure = noted.failure();
        own = failure !== undefined;
        // The engine only knows that a read failed.
        throw failure ?? error;
      }
    });
  try {
    return await once();
  } catch (error) {
    signal.throwIfAborted();
    if (!own || url === undefined || toMessage(error).code !== 'store-corrupt') {
      throw error;
    }
    await download(vault, url, part, tell, signal, name);
    return once();
  }
}

/** The same stream, and the error that it failed with. */
function noting(stream: ReadableStream<Uint8Array>) {
  let failure: unknown;
  const reader = stream.getReader();
  const noted = new ReadableStream<Uint8Array>(
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
  return { stream: noted, failure: () => failure };
}
