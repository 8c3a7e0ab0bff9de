/**
 * OpenAI's options in the engine's terms.
 * @module
 */

import { PacelineError } from '../errors.js';
import type { ChatMessage, GenerateOptions } from '../types.js';
import type { ChatCompletionCreateParams, ChatCompletionMessageParam } from './types.js';

/** What cannot be carried out, whatever its value; `0`, `false`, `null` and the like ask for nothing. */
const NEVER: Record<string, string> = {
  top_logprobs: 'log-probabilities of other tokens',
  functions: 'calling functions',
  audio: 'audio',
  web_search_options: 'web search',
};

/**
 * The engine's options for a request.
 *
 * @param capacity - positions of the KV cache
 * @throws {@link PacelineError} `unsupported` for what the engine cannot do
 */
export function optionsOf(params: ChatCompletionCreateParams, capacity: number): GenerateOptions {
  checkSupported(params);
  const { max_completion_tokens, max_tokens, logit_bias, stop } = params;
  return {
    ...params.paceline,
    maxTokens: max_completion_tokens ?? max_tokens ?? capacity,
    temperature: params.temperature ?? 1,
    topP: params.top_p ?? undefined,
    seed: params.seed ?? undefined,
    presencePenalty: params.presence_penalty ?? undefined,
    frequencyPenalty: params.frequency_penalty ?? undefined,
    logitBias: logit_bias ?? undefined,
    stop: stop ?? undefined,
    logprobs: params.logprobs ?? undefined,
  };
}

/** The conversation in the engine's terms. */
export function messagesOf(messages: readonly ChatCompletionMessageParam[]): ChatMessage[] {
  if (!Array.isArray(messages)) {
    throw new PacelineError('invalid-option', 'messages is a list of { role, content }');
  }
  return messages.map(({ role, content }: ChatCompletionMessageParam) => ({
    role: role === 'developer' ? 'system' : role,
    content: textOf(content),
  }));
}

function textOf(content: ChatCompletionMessageParam['content']): string {
  if (typeof content === 'string') {
    return content;
  }
  const parts = content ?? [];
  const other = parts.find(part => part.type !== 'text');
  if (other) {
    throw unsupported(`a message part of type ${JSON.stringify(other.type)}`, 'send text');
  }
  return parts.map(part => part.text).join('');
}

function checkSupported(params: ChatCompletionCreateParams): void {
  const { n, response_format: format, tools } = params;
  if (n !== undefined && n !== null && n !== 1) {
    throw unsupported(`n = ${n}`, 'ask once for each answer');
  }
  if (format && format.type !== 'text') {
    throw unsupported(`response_format ${JSON.stringify(format.type)}`, 'ask for the form in the prompt');
  }
  if (tools && tools.length > 0) {
    throw unsupported('calling tools', 'leave tools out');
  }
  for (const [key, what] of Object.entries(NEVER)) {
    if ((params as unknown as Record<string, unknown>)[key]) {
      throw unsupported(what, `leave ${key} out`);
    }
  }
}

/** The error for what the engine cannot do. */
export function unsupported(what: string, remedy: string): PacelineError {
  return new PacelineError('unsupported', `${what} is not supported; ${remedy}`);
}
