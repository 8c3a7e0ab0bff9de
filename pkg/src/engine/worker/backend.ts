/**
 * What the worker needs of the wasm module. The types that wasm-bindgen writes are checked against these when the
 * package is built, and tests put something simpler in its place.
 * @module
 */

import type { ByteStream } from '../../bytes/stream.js';
import type { ChatMessage, Result, Stats, Token } from '../../types/generate.js';
import type { Device, EngineInfo, KvCache, LoadProgress, MemoryInfo } from '../../types/load.js';
import type { GenerateMessage, Prompt } from '../../wire/protocol.js';

/** How far the reading of a file, or the compiling of kernels, is. */
export type EngineProgress = LoadProgress & { phase: 'load' | 'compile' };

/**
 * What start-up timing and generations found out about an adapter and the models on it, as plain data. Only the wasm module
 * knows what it means.
 */
export type Tuning = Record<string, unknown>;

/** How the wasm module loads. */
export interface BackendLoadOptions {
  device: Device;
  capacity: number | undefined;
  threads: number;
  kvCache: KvCache | undefined;
  precompile: boolean | undefined;
  /** What an earlier engine on this adapter found out (see `tuning.ts`). */
  tuning: Tuning | undefined;
}

/** What a sequence takes. */
export type SequenceMemory = Omit<MemoryInfo, 'wasm'>;

/** How the wasm module generates. */
export type BackendGenerateOptions = Omit<GenerateMessage, 'stop'>;

/** What a step did. */
export type StepEvent =
  | { type: 'prefill'; done: number; total: number }
  | { type: 'tokens'; tokens: Token[]; drafted: number; stats: Stats }
  | { type: 'finished'; reason: Result['finishReason']; rest: string; stats: Stats };

/** A sequence on a loaded engine. Its methods throw `{ code, message }`. */
export interface BackendEngine {
  info(): EngineInfo;
  tuning(): Tuning;
  /** Another, empty sequence on the same weights; not while a step is under way. */
  session(): BackendEngine;
  /** Of this sequence; its weights may be those of others, too. */
  memory(): SequenceMemory;
  encode(text: string): Uint32Array;
  decode(ids: Uint32Array): string;
  render(messages: ChatMessage[]): string;
  /** Begins a generation and gives the prompt's ids. */
  start(prompt: Prompt, options: BackendGenerateOptions): Uint32Array;
  /** Does the next bounded piece of work. */
  step(): Promise<StepEvent>;
  /** Ends the sequence; not while a step is under way. The weights go with the last one. */
  free(): void;
}

/** The wasm module. */
export interface Backend {
  load(
    target: ByteStream[],
    draft: ByteStream[] | undefined,
    options: BackendLoadOptions,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<BackendEngine>;
  /** Threads that it can compute on. */
  readonly threads: number;
  /** Bytes of the module's memory. */
  memory(): number;
  /** What the module panicked with. */
  lastPanic(): string | undefined;
}
