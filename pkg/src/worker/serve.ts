/**
 * The worker's end: carries out requests on a {@link Backend}.
 * @module
 */

import { crashMessage, PacelineError } from '../errors.js';
import type { Operations, Reply, Request, SessionId } from '../protocol.js';
import { answering, type Handlers } from './answering.js';
import type { Backend, BackendEngine } from './backend.js';
import { loadFiles } from './files.js';
import { Sequence } from './sequence.js';
import { adapterName, recall, remember } from './tuning.js';
import type { EngineInfo } from '../types.js';

/**
 * Makes the function that takes the page's messages.
 *
 * @param backend - the wasm module, once it is there
 * @param post - sends a message to the page
 */
export function serve(
  backend: () => Promise<Backend>,
  post: (reply: Reply) => void,
): (request: Request) => void {
  const sequences = new Map<SessionId, Sequence>();
  let wasm: Backend | undefined;
  let nextSession = 1;

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
    async load({ target, draft, device, capacity }, tell, signal) {
      const adapter = device === 'cpu' ? undefined : await adapterName();
      const tuning = adapter === undefined ? undefined : await recall(adapter);
      const options = { device, capacity, tuning };
      const { result: engine, notStored } = await loadFiles(
        { target, draft },
        tell,
        signal,
        async (target, draft, onProgress) => {
          wasm = await backend();
          return wasm.load(target, draft, options, onProgress, signal);
        },
      );
      sequences.set(0, new Sequence(engine));
      const info: EngineInfo = { ...engine.info(), ...(notStored !== undefined && { notStored }) };
      if (adapter === undefined || info.device !== 'webgpu') {
        return info;
      }
      await remember(adapter, engine.tuning());
      // Browsers leave out the description, which is all that the engine sees.
      return { ...info, adapter: info.adapter || adapter };
    },

    generate: async ({ session, prompt, options }, tell, signal) =>
      sequence(session).generate(prompt, options, tell, signal),

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
    memory: async () => ({ wasm: wasm?.memory() ?? 0 }),
  };

  return answering(handlers, post, error => {
    if (error.code !== 'engine-crashed') {
      return undefined;
    }
    const why = wasm?.lastPanic();
    return why === undefined ? error : crashMessage(why);
  });
}
