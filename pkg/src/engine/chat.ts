/**
 * `chat`: a function, and OpenAI's API beside it.
 * @module
 */

import { ChatCompletions } from '../openai/completions.js';
import type { ChatMessage, GenerateOptions } from '../types/generate.js';
import type { EngineInfo } from '../types/load.js';
import type { Run } from './run.js';

/** Answers a conversation. */
export interface Chat {
  /** Answers a conversation, laid out by the model's own chat template. */
  (messages: readonly ChatMessage[], options?: GenerateOptions): Run;
  /** The same in the terms of OpenAI's API. */
  readonly completions: ChatCompletions;
}

/** Makes a {@link Chat} of what answers. */
export function makeChat(
  answer: (messages: readonly ChatMessage[], options: GenerateOptions) => Run,
  info: () => EngineInfo,
): Chat {
  return Object.assign(
    (messages: readonly ChatMessage[], options: GenerateOptions = {}) => answer(messages, options),
    { completions: new ChatCompletions(answer, info) },
  );
}
