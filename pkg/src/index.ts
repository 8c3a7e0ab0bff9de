/**
 * Paceline: speculative decoding in the browser.
 *
 * A small draft model proposes tokens, a quantized target model verifies them all in one pass, and the text that comes
 * out is exactly the target's own. Everything runs in a worker, on WebGPU or on the CPU.
 *
 * @packageDocumentation
 */

export { Paceline } from './engine.js';
export { PacelineError, type ErrorCode } from './errors.js';
export type { Run } from './run.js';
export type { Session } from './session.js';
export { ModelStore } from './store/model-store.js';
export type {
  DownloadOptions,
  ImportOptions,
  StoreBackend,
  StoredModel,
  StoreProgress,
  StoreUsage,
} from './store/types.js';
export type {
  ChatMessage,
  Device,
  Drafter,
  EngineInfo,
  GenerateOptions,
  LoadOptions,
  LoadProgress,
  MemoryInfo,
  ModelInfo,
  Piece,
  Result,
  Source,
  Stats,
  Token,
  Verify,
} from './types.js';
