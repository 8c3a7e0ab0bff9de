/**
 * The worker's end: carries out requests on a {@link Backend}.
 * @module
 */

import { crashMessage, PacelineError, toMessage } from '../errors.js';
import type { Operation, Operations, Reply, Request } from '../protocol.js';
import type { Piece } from '../types.js';
import type { Backend, BackendEngine } from './backend.js';
import { open } from './open.js';
import { tick } from './tick.js';
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
  let engine: BackendEngine | undefined;
  let wasm: Backend | undefined;
  /** Settled when the generation before has ended. */
  let turn: Promise<void> = Promise.resolve();

  const loaded = (): BackendEngine => {
    if (!engine) {
      throw new PacelineError('engine-disposed', 'no model is loaded');
    }
    return engine;
  };

  const handlers: { [K in Operation]: Handler<K> } = {
    async load({ target, draft, device, capacity }, tell, signal) {
      wasm = await backend();
      const streams = await Promise.all([open(target, signal), draft && open(draft, signal)]);
      const adapter = device === 'cpu' ? undefined : await adapterName();
      const tuning = adapter === undefined ? undefined : await recall(adapter);
      const options = { device, capacity, tuning };
      engine = await wasm.load(streams[0], streams[1], options, throttled(tell), signal);
      const info = engine.info();
      if (adapter === undefined || info.device !== 'webgpu') {
        return info;
      }
      await remember(adapter, engine.tuning());
      // Browsers leave out the description, which is all that the engine sees.
      return { ...info, adapter: info.adapter || adapter };
    },

    async generate({ prompt, maxTokens, gamma, drafter }, tell, signal) {
      const before = turn;
      let end = () => {};
      turn = new Promise(resolve => (end = resolve));
      try {
        await before;
        signal.throwIfAborted();
        const engine = loaded();
        const promptIds = engine.start(prompt, { maxTokens, gamma, drafter });
        return { ...(await finish(engine, tell, signal)), promptIds: Array.from(promptIds) };
      } finally {
        end();
      }
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

/** Steps until the generation ends. To abort is to stop stepping: the engine is sound after each step. */
async function finish(
  engine: BackendEngine,
  tell: (event: Operations['generate']['event']) => void,
  signal: AbortSignal,
): Promise<Omit<Operations['generate']['answer'], 'promptIds'>> {
  const tokenIds: number[] = [];
  let text = '';
  const piece = (piece: Piece) => {
    text += piece.text;
    tokenIds.push(...piece.tokens.map(token => token.id));
    tell({ type: 'piece', piece });
  };
  for (;;) {
    await tick();
    signal.throwIfAborted();
    const event = await engine.step();
    switch (event.type) {
      case 'prefill':
        tell({ type: 'prefill', done: event.done, total: event.total });
        break;
      case 'tokens': {
        const { tokens, drafted, stats } = event;
        piece({ text: tokens.map(token => token.text).join(''), tokens, drafted, stats });
        break;
      }
      case 'finished': {
        const { reason: finishReason, rest, stats } = event;
        if (rest !== '') {
          piece({ text: rest, tokens: [], drafted: 0, stats });
        }
        return { text, tokenIds, finishReason, stats };
      }
    }
  }
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
