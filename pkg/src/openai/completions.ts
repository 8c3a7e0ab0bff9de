/**
 * `chat.completions.create`: OpenAI's API on an engine.
 * @module
 */

import { messagesOf } from '../options/input.js';
import type { ChatMessage, GenerateOptions, Piece, Result, Token } from '../types/generate.js';
import type { EngineInfo } from '../types/load.js';
import { unique } from '../unique.js';
import { logprobsOf } from './logprobs.js';
import { checkParams, checkRequest, optionsOf } from './request.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  CompletionRequestOptions,
  CompletionUsage,
  FinishReason,
} from './types.js';

/** A generation: its pieces as they come, and all of it. */
interface Answer extends AsyncIterable<Piece> {
  readonly result: Promise<Result>;
}

/** Answers a conversation. */
type Chat = (messages: readonly ChatMessage[], options: GenerateOptions) => Answer;

/** OpenAI's chat completions. */
export class ChatCompletions {
  readonly #answer: Chat;
  readonly #info: () => EngineInfo;

  /** @internal */
  constructor(answer: Chat, info: () => EngineInfo) {
    this.#answer = answer;
    this.#info = info;
  }

  /**
   * What answers, and on what.
   *
   * @internal
   */
  get info(): EngineInfo {
    return this.#info();
  }

  /**
   * Answers a conversation: the whole answer, or with `stream: true` its pieces as they come. Leaving the loop stops
   * the generation.
   *
   * @throws {@link PacelineError} `unsupported` for what the engine cannot do: several answers, forms other than
   * text, tools; `invalid-option` for what is unknown or ill-typed
   */
  create(
    params: ChatCompletionCreateParamsNonStreaming,
    options?: CompletionRequestOptions,
  ): Promise<ChatCompletion>;
  create(
    params: ChatCompletionCreateParamsStreaming,
    options?: CompletionRequestOptions,
  ): Promise<AsyncIterable<ChatCompletionChunk>>;
  create(
    params: ChatCompletionCreateParams,
    options?: CompletionRequestOptions,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>>;
  async create(
    params: ChatCompletionCreateParams,
    options: CompletionRequestOptions = {},
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    const { signal } = checkRequest(options);
    signal?.throwIfAborted();
    const info = this.info;
    const messages = messagesOf(checkParams(params, info).messages, true);
    const run = this.#answer(messages, { ...optionsOf(params, info.capacity), signal: signal ?? undefined });
    const head = {
      id: `chatcmpl-${unique()}`,
      created: Math.floor(Date.now() / 1000),
      model: info.target.name || 'paceline',
      system_fingerprint: `paceline-${info.version}-${info.device}`,
    };
    return params.stream
      ? chunks(run, head, params.stream_options?.include_usage === true, params.logprobs === true)
      : whole(run, head, params.logprobs === true);
  }
}

type Head = Pick<ChatCompletion, 'id' | 'created' | 'model' | 'system_fingerprint'>;

async function whole(run: Answer, head: Head, withLogprobs: boolean): Promise<ChatCompletion> {
  const tokens: Token[] = [];
  if (withLogprobs) {
    for await (const piece of run) {
      tokens.push(...piece.tokens);
    }
  }
  const result = await run.result;
  const logprobs = withLogprobs ? logprobsOf(tokens) : null;
  const message = { role: 'assistant', content: result.text, refusal: null } as const;
  return {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs, finish_reason: reasonOf(result) }],
    usage: usageOf(result),
  };
}

async function* chunks(
  run: Answer,
  head: Head,
  withUsage: boolean,
  withLogprobs: boolean,
): AsyncGenerator<ChatCompletionChunk> {
  type Choice = ChatCompletionChunk['choices'][number];
  const chunk = (
    delta: Choice['delta'],
    finish_reason: FinishReason | null,
    logprobs: Choice['logprobs'] = null,
  ): ChatCompletionChunk => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs, finish_reason }],
    ...(withUsage && { usage: null }),
  });
  yield chunk({ role: 'assistant', content: '' }, null);
  for await (const { text, tokens } of run) {
    // A token that ends inside a character brings no text, but its log-probability.
    if (text !== '' || (withLogprobs && tokens.length > 0)) {
      yield chunk({ content: text }, null, withLogprobs ? logprobsOf(tokens) : null);
    }
  }
  const result = await run.result;
  yield chunk({}, reasonOf(result));
  if (withUsage) {
    yield { ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(result) };
  }
}

function reasonOf({ finishReason }: Result): FinishReason {
  return finishReason === 'stop' ? 'stop' : 'length';
}

function usageOf({ promptIds, tokenIds, stats }: Result): CompletionUsage {
  return {
    prompt_tokens: promptIds.length,
    completion_tokens: tokenIds.length,
    total_tokens: promptIds.length + tokenIds.length,
    prompt_tokens_details: { cached_tokens: stats.reusedTokens },
    completion_tokens_details: {
      accepted_prediction_tokens: stats.accepted,
      rejected_prediction_tokens: stats.drafted - stats.accepted,
    },
    speculation: stats,
  };
}
