/**
 * Log-probabilities in OpenAI's form.
 * @module
 */

import type { Token } from '../types.js';
import type { ChatCompletionLogprobs, ChatCompletionTokenLogprob } from './types.js';

/** Those of `tokens` that have text: stop tokens are no part of an answer. */
export function logprobsOf(tokens: readonly Token[]): ChatCompletionLogprobs {
  return { content: tokens.filter(token => token.text !== '').map(entry), refusal: null };
}

function entry({ text, logprob = 0 }: Token): ChatCompletionTokenLogprob {
  return { token: text, logprob, bytes: [...new TextEncoder().encode(text)], top_logprobs: [] };
}
