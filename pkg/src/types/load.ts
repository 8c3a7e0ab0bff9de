/**
 * Loading: what it takes, and what is known of what is loaded.
 * @module
 */

/**
 * Where a file comes from: an address (relative ones count from the page), a picked or dropped file, a response that has
 * begun, or a stream of bytes. None of them is ever held in memory as a whole.
 */
export type FileSource = string | URL | Blob | Response | ReadableStream<Uint8Array>;

/**
 * Where a model comes from: a file, or a model of the store. Where it is split over several files (`gguf-split`), all of
 * them in any order, or the address of one that is named such as `NAME-00001-of-00003.gguf`, which stands for all. Files
 * are read one after the other; responses and streams of later ones wait meanwhile, addresses are not open yet.
 */
export type Source = FileSource | { stored: string } | readonly FileSource[];

/** Where the models run. `auto` takes WebGPU, or the CPU where there is none or only a software adapter. */
export type Device = 'auto' | 'webgpu' | 'cpu';

/** What the KV caches keep their numbers in: single or half precision. */
export type KvCache = 'f32' | 'f16';

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
  /**
   * Threads that the CPU computes on, at most 64. The same text comes out whatever their number. Pages that are not cross-origin
   * isolated have one; by default the others have as many as there are cores, up to 8 and without the page's own where there
   * are more than two. `info.threads` says how many there are.
   */
  threads?: number | undefined;
  /**
   * Numbers of the KV caches; `f32` by default. `f16` halves their memory and rounds what they hold, so that another text may
   * come out than with `f32`; drafting changes nothing about it, as always.
   */
  kvCache?: KvCache | undefined;
  /**
   * Whether every kernel that a generation can need is compiled while loading, so that none of them waits for it: by default
   * where the adapter is a real GPU. A software adapter would compile for half a minute what few generations need.
   */
  precompile?: boolean | undefined;
  /**
   * Where files that are fetched from an address are kept, so that the next visit works without a network: the default
   * store, or one of your own (a `ModelStore`), or none (`false`). A file that does not fit into the default store is loaded all the
   * same, and `info.notStored` says why it was not kept; with a store of your own that is an error.
   */
  cache?: boolean | { readonly directory: string } | undefined;
  /** Called as bytes arrive, at most some 20 times a second. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Aborts the load: the promise rejects with the signal's reason and everything is freed. */
  signal?: AbortSignal | undefined;
  /** Makes the worker, a new one each time, for those who bundle `paceline/worker.js` their own way. */
  worker?: (() => Worker) | undefined;
}

/** How far a load is. */
export interface LoadProgress {
  /** Which file. */
  part: 'target' | 'draft';
  /**
   * Whether it is on its way into the store, or into the engine; or whether the GPU's kernels are being compiled, those of the
   * draft with those of the target.
   */
  phase: 'download' | 'load' | 'compile';
  /** Bytes read; kernels compiled. */
  loaded: number;
  /** Bytes or kernels in all; `undefined` where the source does not say. */
  total: number | undefined;
}

/** What a model is. */
export interface ModelInfo {
  /** `general.name` of the file; empty where it has none. */
  name: string;
  /** Its family: `llama`, `qwen2`, `qwen3`, `gemma2`, `gemma3`, `phi3`. */
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

/** Something that an option takes by its name. */
export interface ChoiceInfo {
  /** What the option takes. */
  name: string;
  /** What it is, in a line of help. */
  about: string;
}

/** A drafter. */
export interface DrafterInfo extends ChoiceInfo {
  /** Where it looks for proposals: on the host, between rounds, or on the device, as part of a round. */
  runs: 'host' | 'device';
  /** Whether a draft model must be loaded for it. */
  needsDraft: boolean;
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
  /**
   * Which matrix-vector kernels run, the most frequent first: timing at the first load chooses them, and the worker remembers
   * them for each adapter.
   */
  variant: string;
  /**
   * The kernels of each matrix, by its format and shape (`q4/32h 576x1536`: columns, rows), for 1, 2, up to 4 and up to 8 rows
   * of activations; empty on the CPU.
   */
  kernels: Record<string, string>;
  /** Threads that the CPU computes on; 0 on WebGPU. */
  threads: number;
  /** Why `auto` did not take WebGPU. */
  fallback?: string | undefined;
  /** What to know about how the target's file was understood: a sentence for each thing that it leaves out. */
  warnings: string[];
  /**
   * Whether the GPU computed what it should, bit by bit, when the engine was loaded. One that does not is never used:
   * `auto` runs on the CPU then. Absent where no GPU was tried.
   */
  selfTest?: 'passed' | 'failed' | undefined;
  /** Why a file was not kept in the store: the next visit fetches it again. */
  notStored?: string | undefined;
  /** Positions of the KV cache. */
  capacity: number;
  /** Numbers of the KV caches. */
  kvCache: KvCache;
  /** Most tokens that a round can propose. */
  maxGamma: number;
  /** Who can propose tokens here: the names that `drafter` takes. */
  drafters: DrafterInfo[];
  /** How proposals can be verified above temperature 0: the names that `verify` takes. */
  verifiers: ChoiceInfo[];
  /** The functions that `lossy.kind` takes. */
  lossy: ChoiceInfo[];
  /** Whether the file has a chat template, so that `chat` works. */
  hasChatTemplate: boolean;
  /** The target. */
  target: ModelInfo;
  /** The draft model, where one is loaded. */
  draft?: ModelInfo | undefined;
}

/** Bytes that a model takes on the device that it runs on, by what they are for. */
export interface ModelMemory {
  /** Weights, and tables that follow from the file. What a draft shares with its target counts with the target. */
  weights: number;
  /** KV caches, those of sessions too: they grow with the texts, a page at a time. */
  caches: number;
  /** What a draft model reads of its target: it grows with the texts. */
  states: number;
  /** Activations, logits and other room to work in. */
  scratch: number;
}

/** Bytes in use, as they were when the last step of a generation ended. On the CPU they are part of `wasm`. */
export interface MemoryInfo {
  /** The target. */
  target: ModelMemory;
  /** The draft model, where one is loaded. */
  draft?: ModelMemory | undefined;
  /** The wasm module's memory. It never shrinks, so this is its peak too. */
  wasm: number;
}
