/**
 * A worker that is none: the real message handling on this thread, with a toy in the wasm module's place. Messages are
 * cloned and arrive in later tasks, as they would.
 */

import type {
  Backend,
  BackendEngine,
  BackendGenerateOptions,
  SequenceMemory,
  StepEvent,
} from '../src/engine/worker/backend.js';
import { serve } from '../src/engine/worker/serve.js';
import type { Stats, Token } from '../src/types/generate.js';
import type { EngineInfo } from '../src/types/load.js';
import type { Reply, Request } from '../src/wire/protocol.js';

export class FakeWorker extends EventTarget implements Pick<Worker, 'postMessage' | 'terminate'> {
  terminated = false;
  readonly sent: Request[] = [];
  readonly received: Reply[] = [];
  readonly #inbox: Request[] = [];
  readonly #handle: (request: Request) => void;

  constructor(backend: Backend = new FakeBackend()) {
    super();
    this.#handle = serve(
      async () => backend,
      reply => this.emit(reply),
    );
  }

  postMessage(request: Request, transfer: Transferable[] | StructuredSerializeOptions = []): void {
    const message = structuredClone(request, { transfer: Array.isArray(transfer) ? transfer : [] });
    this.sent.push(message);
    // What is posted in one task arrives in one task: two timers might not.
    if (this.#inbox.push(message) === 1) {
      setTimeout(() => this.#inbox.splice(0).forEach(message => this.terminated || this.#handle(message)));
    }
  }

  emit(reply: Reply): void {
    const message = structuredClone(reply);
    this.received.push(message);
    setTimeout(() => {
      if (!this.terminated) {
        this.dispatchEvent(Object.assign(new Event('message'), { data: message }));
      }
    });
  }

  terminate(): void {
    this.terminated = true;
  }

  /** What `LoadOptions.worker` takes. */
  get factory(): () => Worker {
    return () => this as unknown as Worker;
  }
}

export const STATS: Stats = {
  promptTokens: 0,
  reusedTokens: 0,
  tokens: 0,
  rounds: 0,
  drafted: 0,
  accepted: 0,
  tested: 0,
  targetPasses: 0,
  blockEfficiency: 1,
  plan: { plain: { rounds: 0, tokens: 0, ms: 0 } },
  roundsInFlight: 1,
  dispatches: 0,
  submits: 0,
  readbacks: 0,
  pages: 0,
  objects: 0,
  prefillMs: 0,
  draftMs: 0,
  verifyMs: 0,
  hostMs: 0,
  decodeMs: 0,
  tokensPerSecond: 0,
};

/** What an engine has by names, as `engine.info` tells it. */
export const KNOWN: Pick<EngineInfo, 'drafters' | 'verifiers' | 'lossy'> = {
  drafters: [
    { name: 'none', about: 'nobody', runs: 'host', needsDraft: false },
    { name: 'ngram', about: 'repeats', runs: 'host', needsDraft: false },
    { name: 'model', about: 'the draft model', runs: 'device', needsDraft: true },
  ],
  verifiers: [
    { name: 'token', about: 'one by one' },
    { name: 'block', about: 'together' },
  ],
  lossy: [
    { name: 'linear', about: 'p / e' },
    { name: 'square', about: 'p / e^2' },
    { name: 'exponential', about: 'p^e' },
  ],
};

export const INFO: EngineInfo = {
  version: '0.0.0',
  device: 'cpu',
  adapter: 'toy',
  software: false,
  variant: '',
  kernels: {},
  threads: 1,
  warnings: [],
  capacity: 64,
  kvCache: 'f32',
  maxGamma: 4,
  ...KNOWN,
  hasChatTemplate: true,
  target: { name: 'toy', architecture: 'llama', layers: 1, width: 8, vocab: 256, context: 64 },
};

/** Reads its sources to the end, then says the prompt's letters back, two a round, the first of them drafted. */
export class FakeBackend implements Backend {
  engine: FakeEngine | undefined;
  /** What engines say of themselves. */
  info = INFO;
  readonly threads = 1;
  bytes = 0;

  async load(...[target, draft, , onProgress, signal]: Parameters<Backend['load']>): Promise<BackendEngine> {
    for (const [part, files] of [['target', target] as const, ['draft', draft ?? []] as const]) {
      const total = files.reduce<number | undefined>(
        (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
        0,
      );
      const readers = files.map(({ stream }) => stream.getReader());
      // As the engine does: the beginnings of all, then the rest of each.
      const turns = readers.length > 1 ? [...readers.map(reader => [reader, 1] as const)] : [];
      let loaded = 0;
      for (const [reader, most] of [...turns, ...readers.map(reader => [reader, Infinity] as const)]) {
        for (let count = 0; count < most; count++) {
          const { value } = await reader.read();
          if (signal.aborted) {
            throw { code: 'aborted', message: 'loading was aborted' };
          }
          if (!value) {
            break;
          }
          loaded += value.length;
          this.bytes += value.length;
          onProgress({ part, phase: 'load', loaded, total });
        }
      }
    }
    if (this.bytes === 0) {
      throw { code: 'gguf-truncated', message: 'the file ends inside the header' };
    }
    return (this.engine = new FakeEngine(this.info));
  }

  memory(): number {
    return 65536;
  }

  lastPanic(): string | undefined {
    return this.engine?.panic;
  }
}

export class FakeEngine implements BackendEngine {
  readonly #info: EngineInfo;
  #left: number[] = [];
  #max = 0;
  #stepping = false;
  steps = 0;
  /** How often it was asked what it found out. */
  told = 0;
  freed = false;
  /** What `start` was given last. */
  options: BackendGenerateOptions = {};
  /** Sequences on the same weights, in the order that they were made. */
  readonly others: FakeEngine[] = [];
  /** Thrown by the next step. */
  fault: unknown;
  panic: string | undefined;
  /** What is said, a round an entry, instead of the prompt's letters. */
  script: Token[][] | undefined;

  constructor(info = INFO) {
    this.#info = info;
  }

  info(): EngineInfo {
    return this.#info;
  }

  tuning(): Record<string, unknown> {
    this.told += 1;
    return {};
  }

  memory(): SequenceMemory {
    return { target: { weights: 1000, caches: 100, states: 10, scratch: 1 } };
  }

  session(): BackendEngine {
    this.#idle();
    const other = new FakeEngine(this.#info);
    this.others.push(other);
    return other;
  }

  free(): void {
    this.#idle();
    this.freed = true;
  }

  encode(text: string): Uint32Array {
    return Uint32Array.from(text, c => c.codePointAt(0) ?? 0);
  }

  decode(ids: Uint32Array): string {
    return String.fromCodePoint(...ids);
  }

  render(messages: { content: string }[]): string {
    return messages.map(m => m.content).join('\n');
  }

  start(...[prompt, options]: Parameters<BackendEngine['start']>): Uint32Array {
    const ids =
      prompt.type === 'ids'
        ? Uint32Array.from(prompt.ids)
        : this.encode(prompt.type === 'text' ? prompt.text : this.render(prompt.messages));
    if (ids.length === 0) {
      throw Object.assign(new Error('the prompt is empty; give at least one token'), {
        code: 'prompt-empty',
      });
    }
    this.#idle();
    this.options = options;
    this.#left = Array.from(ids);
    this.#max = options.maxTokens ?? 256;
    return ids;
  }

  async step(): Promise<StepEvent> {
    this.#idle();
    this.steps++;
    this.#stepping = true;
    await Promise.resolve();
    this.#stepping = false;
    if (this.fault !== undefined) {
      const fault = this.fault;
      this.fault = undefined;
      throw fault;
    }
    if (this.script) {
      const tokens = this.script.shift();
      return tokens
        ? { type: 'tokens', tokens, drafted: 0, stats: STATS }
        : { type: 'finished', reason: 'length', rest: '', stats: STATS };
    }
    const tokens = this.#left.splice(0, Math.min(2, this.#max)).map((id, i) => ({
      id,
      text: String.fromCodePoint(id),
      accepted: i === 0,
    }));
    this.#max -= tokens.length;
    if (tokens.length > 0) {
      return { type: 'tokens', tokens, drafted: 1, stats: STATS };
    }
    return { type: 'finished', reason: this.#max === 0 ? 'length' : 'stop', rest: '', stats: STATS };
  }

  /** What the wasm module asks of its callers. */
  #idle(): void {
    if (this.freed || this.#stepping) {
      throw { code: 'engine-busy', message: this.freed ? 'the sequence is gone' : 'a step is under way' };
    }
  }
}

/** A stream of `count` chunks of `size` bytes. */
export function chunks(count: number, size = 4): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream({
    pull: controller => (left-- > 0 ? controller.enqueue(new Uint8Array(size)) : controller.close()),
  });
}
