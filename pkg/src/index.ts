/**
 * Paceline: speculative decoding in the browser.
 *
 * A small draft model proposes tokens, a quantized target model verifies them all in one pass, and the text that comes
 * out is exactly the target's own. Everything runs in a worker, on WebGPU or on the CPU.
 *
 * @packageDocumentation
 */

export type { Chat } from './engine/chat.js';
export { Paceline } from './engine/engine.js';
export { PacelineError, type ErrorCode } from './errors.js';
export type { ChatCompletions } from './openai/completions.js';
export type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsBase,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionLogprobs,
  ChatCompletionMessageParam,
  ChatCompletionTextPart,
  ChatCompletionTokenLogprob,
  CompletionRequestOptions,
  CompletionUsage,
  FinishReason,
} from './openai/types.js';
export type { Run } from './engine/run.js';
export type { Session } from './engine/session.js';
export { type ImportSource, ModelStore } from './store/model-store.js';
export type {
  DownloadOptions,
  ImportOptions,
  StoreBackend,
  StoredModel,
  StoredPart,
  StoreProgress,
  StoreUsage,
} from './store/types.js';
export type {
  ChatMessage,
  Drafter,
  GenerateOptions,
  Lossy,
  Piece,
  Result,
  SourcePlan,
  SourcePromise,
  Stats,
  StatsPlan,
  Token,
  Verify,
} from './types/generate.js';
export type {
  ChoiceInfo,
  Device,
  DrafterInfo,
  EngineInfo,
  FileSource,
  KvCache,
  LoadOptions,
  LoadProgress,
  MemoryInfo,
  ModelInfo,
  ModelMemory,
  Source,
} from './types/load.js';
