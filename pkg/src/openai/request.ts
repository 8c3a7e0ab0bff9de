/**
 * OpenAI's options in the engine's terms.
 * @module
 */

import { checked, nested, only } from '../options/check.js';
import { NOT_HERE, notHere } from '../options/not-here.js';
import {
  abortSignal,
  flag,
  refuse,
  such,
  text,
  unsupported,
  whole,
  type EngineRule,
  type Known,
  type Rule,
  type Table,
} from '../options/rules.js';
import { GENERATE } from '../options/tables.js';
import type { GenerateOptions } from '../types/generate.js';
import type {
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsBase,
  ChatCompletionCreateParamsStreaming,
  CompletionRequestOptions,
} from './types.js';

/** What OpenAI's API has no name for. */
const SPECULATION: Table<NonNullable<ChatCompletionCreateParamsBase['paceline']>, EngineRule> = only(
  GENERATE,
  'drafter',
  'gamma',
  'confidence',
  'verify',
  'lossy',
  'inFlight',
  'topK',
  'minP',
  'repeatPenalty',
  'penaltyWindow',
);

/** Counts of which only one can be carried out. */
function onlyCount(option: 'n' | 'top_logprobs', least: number, most: number): Rule {
  const count = whole(least, most);
  return (value, name) => {
    count(value, name);
    if (value !== least) {
      throw unsupported(`${name} = ${value}`, NOT_HERE[option]?.remedy ?? '');
    }
  };
}

const responseFormat: Rule = (value, name) => {
  const type = (value as { type?: unknown } | null)?.type;
  if (typeof type !== 'string') {
    refuse(name, value, 'an object { type: "text" }');
  }
  notHere('response_format')(value, `${name} ${JSON.stringify(type)}`);
};

const PARAMS: Table<ChatCompletionCreateParamsStreaming, EngineRule> = {
  // Read by `messagesOf`.
  messages: () => {},
  model: text,
  max_completion_tokens: GENERATE.maxTokens,
  max_tokens: GENERATE.maxTokens,
  temperature: GENERATE.temperature,
  top_p: GENERATE.topP,
  seed: GENERATE.seed,
  stop: GENERATE.stop,
  logit_bias: GENERATE.logitBias,
  presence_penalty: GENERATE.presencePenalty,
  frequency_penalty: GENERATE.frequencyPenalty,
  n: onlyCount('n', 1, 128),
  logprobs: flag,
  top_logprobs: onlyCount('top_logprobs', 0, 20),
  response_format: responseFormat,
  tools: notHere('tools'),
  user: text,
  paceline: nested(SPECULATION),
  stream: flag,
  stream_options: nested({ include_usage: flag }, { nullable: true }),
};

/** What a server may want to know: it has no effect on the text, and none here. */
const FOR_SERVERS: Readonly<Record<string, Rule>> = {
  metadata: such('an object', value => typeof value === 'object' && value !== null && !Array.isArray(value)),
  store: flag,
  safety_identifier: text,
  prompt_cache_key: text,
  prompt_cache_retention: text,
};

/** The same of a request's options. */
const FOR_CLIENTS: Readonly<Record<string, Rule>> = {
  timeout: () => {},
  headers: () => {},
  maxRetries: () => {},
};

/** Where an option is that this API calls by no name. */
const INSIDE = Object.keys(SPECULATION).map(name => `paceline.${name}`);

/** @throws {@link PacelineError} `invalid-option`, `unsupported`, or the code of an option out of its range */
export function checkParams<T extends ChatCompletionCreateParams>(params: T, known: Known): T {
  const of = 'chat.completions.create';
  return checked(
    params,
    { ...PARAMS, ...FOR_SERVERS },
    { name: 'params', of, nullable: true, inside: INSIDE },
    known,
  );
}

/** The same for what is said about the request itself. */
export function checkRequest(options: CompletionRequestOptions): CompletionRequestOptions {
  const of = 'the request';
  return checked(options, { signal: abortSignal, ...FOR_CLIENTS }, { name: 'options', of, nullable: true });
}

/**
 * The engine's options for a request.
 *
 * @param capacity - positions of the KV cache
 */
export function optionsOf(params: ChatCompletionCreateParams, capacity: number): GenerateOptions {
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
