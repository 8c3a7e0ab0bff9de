/**
 * The worker's end: carries out requests on a {@link Backend}.
 * @module
 */

import { crashMessage, PacelineError, toMessage } from '../errors.js';
import type { Operation, Operations, Reply, Request, SessionId } from '../protocol.js';
import type { Backend, BackendEngine } from './backend.js';
import { open } from './open.js';
import { Sequence } from './sequence.js';
import { adapterName, recall, remember } from './tuning.js';

/** Shortest time between two progress events, in ms. */
const PROGRESS_MS = 50;

type Handler<K extends Operation> = (
  request: Operations[K]['request'],
  tell: (event: Operations[K]['event']) => void,
  signal: AbortSignal,
) => Promise<Operations[K]['answer']>;

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
  const aborts = new Map<number, AbortController>();
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

  const handlers: { [K in Operation]: Handler<K> } = {
    async load({ target, draft, device, capacity }, tell, signal) {
      wasm = await backend();
      const streams = await Promise.all([open(target, signal), draft && open(draft, signal)]);
      const adapter = device === 'cpu' ? undefined : await adapterName();
      const tuning = adapter === undefined ? undefined : await recall(adapter);
      const options = { device, capacity, tuning };
      const engine = await wasm.load(streams[0], streams[1], options, throttled(tell), signal);
      sequences.set(0, new Sequence(engine));
      const info = engine.info();
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

  return request => {
    if (request.type === 'abort') {
      aborts.get(request.id)?.abort();
      return;
    }
    const { type, id } = request;
    const controller = new AbortController();
    aborts.set(id, controller);
    const handler = handlers[type] as Handler<Operation>;
    handler(request, event => post({ type: 'event', id, event }), controller.signal)
      .then(
        answer => post({ type: 'done', id, answer }),
        thrown => {
          const error = toMessage(thrown);
          if (error.code === 'engine-crashed') {
            const why = wasm?.lastPanic();
            post({ type: 'crashed', error: why === undefined ? error : crashMessage(why) });
          } else {
            post({ type: 'failed', id, error });
          }
        },
      )
      .finally(() => aborts.delete(id));
  };
}

/** Passes on the first event of each file, the last one, and not too many between them. */
function throttled(tell: (event: Operations['load']['event']) => void): typeof tell {
  let part: string | undefined;
  let next = 0;
  return event => {
    const now = performance.now();
    if (now >= next || event.part !== part || event.loaded === event.total) {
      next = now + PROGRESS_MS;
      part = event.part;
      tell(event);
    }
  };
}
