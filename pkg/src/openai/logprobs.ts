/**
 * Log-probabilities in OpenAI's form.
 * @module
 */

import type { Token } from '../types/generate.js';
import type { ChatCompletionLogprobs, ChatCompletionTokenLogprob } from './types.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** One entry a token, whatever of its text is shown, and when. */
export function logprobsOf(tokens: readonly Token[]): ChatCompletionLogprobs {
  return { content: tokens.map(entry), refusal: null };
}

function entry({ bytes = [], logprob = 0 }: Token): ChatCompletionTokenLogprob {
  return { token: decoder.decode(Uint8Array.from(bytes)), logprob, bytes: [...bytes], top_logprobs: [] };
}
