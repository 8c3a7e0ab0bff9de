/**
 * The worker's end: carries out requests on a {@link Backend}.
 * @module
 */

import { PacelineError } from '../../errors.js';
import type { Device, EngineInfo, ModelMemory } from '../../types/load.js';
import { holdWhileAlive } from '../../wire/alive.js';
import { answering, type Handlers } from '../../wire/answering.js';
import { crashMessage, toMessage, type ErrorMessage } from '../../wire/errors.js';
import type { Operations, Reply, Request, SessionId, SourceMessage } from '../../wire/protocol.js';
import { findAdapter, whyNot } from './adapter.js';
import type { Backend, BackendEngine, SequenceMemory } from './backend.js';
import { loadFiles } from './files.js';
import { threadsHere } from './helpers.js';
import { Sequence } from './sequence.js';
import { recall, remember } from './tuning.js';

/** What is remembered where there is no adapter is remembered for this one. */
const CPU = 'cpu';

/**
 * Makes the function that takes the page's messages.
 *
 * @param backend - the wasm module, once it is there: made at the first call, for so many threads at most
 * @param post - sends a message to the page
 */
export function serve(
  backend: (threads: number) => Promise<Backend>,
  post: (reply: Reply) => void,
): (request: Request) => void {
  const sequences = new Map<SessionId, Sequence>();
  let wasm: Backend | undefined;
  let nextSession = 1;
  /** Remembers what a sequence found out, for the next load. */
  let learnt = async (_: BackendEngine): Promise<void> => {};

  const sequence = (id: SessionId): Sequence => {
    const sequence = sequences.get(id);
    if (!sequence) {
      throw id === 0
        ? new PacelineError('engine-disposed', 'no model is loaded')
        : new PacelineError('session-closed', 'the session was closed; open another one');
    }
    return sequence;
  };
  const loaded = (): BackendEngine => sequence(0).engine;

  const handlers: Handlers<Operations> = {
    async load(request, tell, signal) {
      const { target, draft, capacity, kvCache, precompile, alive } = request;
      await holdWhileAlive(alive);
      const finding = request.device === 'cpu' ? undefined : findAdapter();
      const most = threadsHere(request.threads);
      // Which module it is has to be known before it can say so itself.
      const fallback = request.device === 'auto' && most > 1 ? whyNot(await finding) : undefined;
      const device = fallback === undefined ? request.device : 'cpu';
      const starting = backend(device === 'cpu' ? most : 1);
      // Whoever needs it is told of an error.
      starting.catch(() => {});
      const machine = (await finding)?.name ?? CPU;
      const tuning = await recall(machine);
      const loadOn = (device: Device) =>
        loadFiles({ target, draft }, tell, signal, async (target, draft, onProgress) => {
          wasm = await starting;
          const { threads } = wasm;
          const options = { device, capacity, threads, kvCache, precompile, tuning };
          return wasm.load(target, draft, options, onProgress, signal);
        });
      const { result: engine, notStored, gpuFailure } = await onAnyDevice(device, [target, draft], loadOn);
      sequences.set(0, new Sequence(engine));
      const found = engine.info();
      const info: EngineInfo = {
        ...found,
        ...(notStored !== undefined && { notStored }),
        ...(fallback !== undefined && { fallback }),
        ...(found.device === 'webgpu' && { selfTest: 'passed' as const }),
        ...(gpuFailure && { fallback: gpuFailure.message }),
        ...(gpuFailure?.code === 'gpu-self-test' && { selfTest: 'failed' as const }),
      };
      learnt = async engine => remember(machine, engine.tuning());
      await learnt(engine);
      // Browsers leave out the description, which is all that the engine sees.
      return info.device === 'webgpu' ? { ...info, adapter: info.adapter || machine } : info;
    },

    async generate({ session, prompt, options }, tell, signal) {
      const used = sequence(session);
      const result = await used.generate(prompt, options, tell, signal);
      // A sequence that was closed meanwhile has nothing to tell.
      void learnt(used.engine).catch(() => {});
      return result;
    },

    async open() {
      const other = await sequence(0).another();
      sequences.set(nextSession, other);
      return nextSession++;
    },

    async close({ session }) {
      const closing = sequence(session);
      sequences.delete(session);
      await closing.close();
    },

    encode: async ({ text }) => Array.from(loaded().encode(text)),
    decode: async ({ ids }) => loaded().decode(Uint32Array.from(ids)),
    render: async ({ messages }) => loaded().render(messages),
    memory: async () => ({
      wasm: wasm?.memory() ?? 0,
      ...sum(
        loaded(),
        Array.from(sequences.values(), other => other.engine),
      ),
    }),
  };

  return answering(handlers, post, error => {
    if (error.code !== 'engine-crashed') {
      return undefined;
    }
    const why = wasm?.lastPanic();
    return why === undefined ? error : crashMessage(why);
  });
}

/** What sequences on the weights of `main`, one of them, take together. */
function sum(main: BackendEngine, all: BackendEngine[]): SequenceMemory {
  const total = main.memory();
  for (const { target, draft } of all.filter(other => other !== main).map(other => other.memory())) {
    total.target = joined(total.target, target);
    total.draft &&= joined(total.draft, draft);
  }
  return total;
}

function joined(sum: ModelMemory, other: ModelMemory | undefined): ModelMemory {
  const { weights } = sum;
  const { caches = 0, states = 0, scratch = 0 } = other ?? {};
  return {
    weights,
    caches: sum.caches + caches,
    states: sum.states + states,
    scratch: sum.scratch + scratch,
  };
}

/**
 * Loads on `device`; `auto` takes the CPU where the GPU turns out not to be up to it: it computes wrongly, say, or has
 * too little memory. A file that can be read only once leaves no second try.
 */
async function onAnyDevice<T extends object>(
  device: Device,
  sources: (SourceMessage | undefined)[],
  load: (device: Device) => Promise<T>,
): Promise<T & { gpuFailure?: ErrorMessage }> {
  try {
    return await load(device);
  } catch (error) {
    const failure = toMessage(error);
    const again = device === 'auto' && failure.code.startsWith('gpu-');
    if (
      !again ||
      sources.some(source => source?.type === 'files' && source.files.some(({ type }) => type === 'port'))
    ) {
      throw error;
    }
    return { ...(await load('cpu')), gpuFailure: failure };
  }
}
