/**
 * What the package takes and gives.
 * @module
 */

/**
 * Where a model file comes from: an address (relative ones count from the page), a picked or dropped file, a response
 * that has begun, or a stream of bytes. None of them is ever held in memory as a whole.
 */
export type Source = string | URL | Blob | Response | ReadableStream<Uint8Array>;

/** Where the models run. `auto` takes WebGPU, or the CPU where there is none or only a software adapter. */
export type Device = 'auto' | 'webgpu' | 'cpu';

/**
 * Who proposes tokens: nobody (plain decoding), text that occurred before, or the draft model. The output is the same
 * with each; only the speed differs.
 */
export type Drafter = 'none' | 'ngram' | 'model';

/** How to load. */
export interface LoadOptions {
  /** The model whose text comes out: a GGUF file. */
  target: Source;
  /** A small model with the same tokenizer that proposes tokens: a GGUF file. */
  draft?: Source | undefined;
  /** Where to run; `auto` by default. */
  device?: Device | undefined;
  /** Positions of the KV cache: the longest prompt and answer together, in tokens. */
  capacity?: number | undefined;
  /** Called as bytes arrive, at most some 20 times a second. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Aborts the load: the promise rejects with the signal's reason and everything is freed. */
  signal?: AbortSignal | undefined;
  /** Makes the worker, for those who bundle `paceline/worker.js` their own way. */
  worker?: (() => Worker) | undefined;
}

/** How far a load is. */
export interface LoadProgress {
  /** Which file. */
  part: 'target' | 'draft';
  /** Bytes read. */
  loaded: number;
  /** Bytes in all; `undefined` where the source does not say. */
  total: number | undefined;
}

/** What a model is. */
export interface ModelInfo {
  /** `general.name` of the file; empty where it has none. */
  name: string;
  /** Its family: `llama`, `qwen2`, `qwen3`. */
  architecture: string;
  /** Transformer layers. */
  layers: number;
  /** Width of the residual stream. */
  width: number;
  /** Token ids. */
  vocab: number;
  /** The longest context that it was trained for, in tokens. */
  context: number;
}

/** What an engine runs, and on what. */
export interface EngineInfo {
  /** The package's version. */
  version: string;
  /** Where the models run. */
  device: 'webgpu' | 'cpu';
  /** The adapter's name, or the instruction set. */
  adapter: string;
  /** Whether the adapter is a software one. */
  software: boolean;
  /** Which matrix-vector kernels run: start-up timing chooses them, and the worker remembers them for each adapter. */
  variant: string;
  /** Why `auto` did not take WebGPU. */
  fallback?: string | undefined;
  /** Positions of the KV cache. */
  capacity: number;
  /** Most tokens that a round can propose. */
  maxGamma: number;
  /** Whether the file has a chat template, so that `chat` works. */
  hasChatTemplate: boolean;
  /** The target. */
  target: ModelInfo;
  /** The draft model, where one is loaded. */
  draft?: ModelInfo | undefined;
}

/** Bytes in use. */
export interface MemoryInfo {
  /** The wasm module's memory. It never shrinks, so this is its peak too. */
  wasm: number;
}

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks. */
  role: 'system' | 'user' | 'assistant' | (string & {});
  /** What is said. */
  content: string;
}

/** How to generate. */
export interface GenerateOptions {
  /** Most tokens to generate; 256 by default. */
  maxTokens?: number | undefined;
  /** Tokens to propose a round; the drafter's own default, and never more than `info.maxGamma`. */
  gamma?: number | undefined;
  /** Who proposes; `model` where a draft model is loaded, `ngram` otherwise. */
  drafter?: Drafter | undefined;
  /** Aborts the generation: iteration and `result` reject with the signal's reason. The engine stays usable. */
  signal?: AbortSignal | undefined;
  /** Called as the prompt is read, in tokens. */
  onPrefill?: ((done: number, total: number) => void) | undefined;
}

/** One token of a piece. */
export interface Token {
  /** Its id. */
  id: number;
  /** Its text: empty for special tokens, and for tokens that end inside a character, whose text comes with a later one. */
  text: string;
  /** Whether it was drafted and accepted; otherwise it is the target's own. */
  accepted: boolean;
}

/** What one round brought. */
export interface Piece {
  /** The new text: that of all tokens. */
  text: string;
  /** The new tokens; none in a last piece that only completes a text. */
  tokens: Token[];
  /** Tokens that had been proposed. */
  drafted: number;
  /** Statistics so far. */
  stats: Stats;
}

/** What a generation cost, and what speculation was worth. Times are in milliseconds. */
export interface Stats {
  /** Tokens of the prompt. */
  promptTokens: number;
  /** Those of them that were still cached from the generation before. */
  reusedTokens: number;
  /** Generated tokens. */
  tokens: number;
  /** Rounds: draft, verify, commit. */
  rounds: number;
  /** Proposed tokens. */
  drafted: number;
  /** Proposed tokens that became part of the text. */
  accepted: number;
  /** Proposed tokens that were put to the test: the accepted ones and the first refused one of each round. */
  tested: number;
  /** Passes of the target after the prompt. */
  targetPasses: number;
  /** Generated tokens a target pass: 1 without speculation. */
  blockEfficiency: number;
  /** `accepted / tested`, the acceptance rate; `undefined` before the first test. */
  alphaEmp?: number | undefined;
  /** GPU dispatches. */
  dispatches: number;
  /** GPU submits. */
  submits: number;
  /** GPU read-backs. */
  readbacks: number;
  /** GPU objects created. */
  objects: number;
  /** Reading the prompt. */
  prefillMs: number;
  /** Drafting, part of `decodeMs`; 0 where it cannot be told apart. */
  draftMs: number;
  /** Verifying, part of `decodeMs`. */
  verifyMs: number;
  /** All rounds. */
  decodeMs: number;
  /** Generated tokens a second of `decodeMs`. */
  tokensPerSecond: number;
}

/** A finished generation. */
export interface Result {
  /** The whole text. */
  text: string;
  /** Generated ids, a stop token included. */
  tokenIds: number[];
  /** The prompt's ids. */
  promptIds: number[];
  /** Why it ended: a stop token came, `maxTokens` were generated, or the context is full. */
  finishReason: 'stop' | 'length' | 'context';
  /** What it cost. */
  stats: Stats;
}
