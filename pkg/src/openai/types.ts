/**
 * The requests and answers of OpenAI's chat completions, as far as a model in the browser can follow them.
 * @module
 */

import type { GenerateOptions, Stats } from '../types/generate.js';

/** A part of a message. Other parts than text are refused. */
export interface ChatCompletionTextPart {
  type: 'text';
  text: string;
}

/** A message of a conversation. `developer` is read as `system`. */
export interface ChatCompletionMessageParam {
  role: 'system' | 'developer' | 'user' | 'assistant' | (string & {});
  /** `null`, which an assistant's may be, is no text. */
  content: string | readonly ChatCompletionTextPart[] | null;
  /** Chat templates do not see it. */
  name?: string;
  /** `null`, as answers have it: there are no refusals. */
  refusal?: null;
}

/**
 * What both kinds of requests have. Whatever else OpenAI's API knows is refused with the code `unsupported` unless it asks
 * for nothing, as `null`, `false`, 0 and an empty list do, or has no effect on the text, as `metadata`; what is unknown or
 * ill-typed with `invalid-option`.
 */
export interface ChatCompletionCreateParamsBase {
  messages: readonly ChatCompletionMessageParam[];
  /** Taken from the engine: it has one model. */
  model?: string | null;
  /** Most tokens to generate; by default until the context is full. */
  max_completion_tokens?: number | null;
  /** The older name of `max_completion_tokens`. */
  max_tokens?: number | null;
  /** 1 by default, as in OpenAI's API; 0 takes the most likely token, always. */
  temperature?: number | null;
  top_p?: number | null;
  seed?: number | null;
  /** Ends the text before the first of these strings. */
  stop?: string | readonly string[] | null;
  /** By token id, added to the logits. */
  logit_bias?: Readonly<Record<string, number>> | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  /** Only 1. */
  n?: number | null;
  /** Whether the answer tells how likely its tokens were. */
  logprobs?: boolean | null;
  /** Only 0: other tokens than the generated ones are not told. */
  top_logprobs?: number | null;
  /** Only text. */
  response_format?: { type: 'text' } | null;
  /** None. */
  tools?: readonly never[] | null;
  /** For a server's log: nobody reads it here. */
  user?: string | null;
  /** How to speculate, and what OpenAI's API has no name for. */
  paceline?: Pick<
    GenerateOptions,
    | 'drafter'
    | 'gamma'
    | 'confidence'
    | 'verify'
    | 'lossy'
    | 'inFlight'
    | 'topK'
    | 'minP'
    | 'repeatPenalty'
    | 'penaltyWindow'
  >;
}

/** A request for the whole answer. */
export interface ChatCompletionCreateParamsNonStreaming extends ChatCompletionCreateParamsBase {
  stream?: false | null;
}

/** A request for the answer as it comes. */
export interface ChatCompletionCreateParamsStreaming extends ChatCompletionCreateParamsBase {
  stream: true;
  /** `include_usage` adds a last chunk that has no choice, but the usage. */
  stream_options?: { include_usage?: boolean } | null;
}

/** A request. */
export type ChatCompletionCreateParams =
  ChatCompletionCreateParamsNonStreaming | ChatCompletionCreateParamsStreaming;

/** How to carry out a request. */
export interface CompletionRequestOptions {
  /** Aborts it: the promise or the iteration rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** What an answer cost, in tokens, and what speculation was worth. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: {
    /** Those that were still cached from the generation before. */
    cached_tokens: number;
  };
  completion_tokens_details: {
    /** Proposed tokens that became part of the text. */
    accepted_prediction_tokens: number;
    /** Proposed tokens that did not. */
    rejected_prediction_tokens: number;
  };
  /** All that the engine measured. */
  speculation: Stats;
}

/** How likely a token was: the log of its probability at the request's temperature, before anything was cut off. */
export interface ChatCompletionTokenLogprob {
  /** The text of `bytes`; U+FFFD for what is no whole character. */
  token: string;
  logprob: number;
  /** The token's own, whatever of them is part of the text: none for a stop token. */
  bytes: number[];
  /** Always empty. */
  top_logprobs: [];
}

/** How likely the tokens of an answer or a piece were: one entry for each of `usage.completion_tokens`. */
export interface ChatCompletionLogprobs {
  content: ChatCompletionTokenLogprob[];
  refusal: null;
}

/** Why an answer ended. */
export type FinishReason = 'stop' | 'length';

/** A whole answer. */
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  /** Seconds since 1970. */
  created: number;
  model: string;
  system_fingerprint: string;
  choices: [
    {
      index: 0;
      message: { role: 'assistant'; content: string; refusal: null };
      logprobs: ChatCompletionLogprobs | null;
      finish_reason: FinishReason;
    },
  ];
  usage: CompletionUsage;
}

/** A piece of an answer. */
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  /** Seconds since 1970. */
  created: number;
  model: string;
  system_fingerprint: string;
  choices: {
    index: 0;
    delta: { role?: 'assistant'; content?: string };
    logprobs: ChatCompletionLogprobs | null;
    finish_reason: FinishReason | null;
  }[];
  /** In the last chunk, where it was asked for. */
  usage?: CompletionUsage | null;
}
