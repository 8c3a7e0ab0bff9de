/**
 * What the worker needs of the wasm module. The types that wasm-bindgen writes are checked against these when the
 * package is built, and tests put something simpler in its place.
 * @module
 */

import type { ByteStream } from '../../bytes/stream.js';
import type { ChatMessage, Result, Stats, Token } from '../../types/generate.js';
import type { Device, EngineInfo, LoadProgress } from '../../types/load.js';
import type { GenerateMessage, Prompt } from '../../wire/protocol.js';

/** What start-up timing found out about an adapter. Only the wasm module knows what it means. */
export type Tuning = Record<string, string>;

/** How the wasm module loads. */
export interface BackendLoadOptions {
  device: Device;
  capacity: number | undefined;
  /** What an earlier engine on this adapter found out (see `tuning.ts`). */
  tuning: Tuning | undefined;
}

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
  /** Bytes of the module's memory. */
  memory(): number;
  /** What the module panicked with. */
  lastPanic(): string | undefined;
}
