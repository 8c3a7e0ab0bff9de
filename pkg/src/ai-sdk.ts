/**
 * A model for Vercel's AI SDK.
 *
 * ```ts
 * import { streamText } from 'ai';
 * import { paceline } from 'paceline/ai-sdk';
 *
 * const { textStream } = streamText({ model: paceline(engine), prompt: 'Why is the sky blue?' });
 * ```
 *
 * @packageDocumentation
 */

import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { Paceline } from './engine.js';
import { unsupported } from './openai/request.js';
import type { Run } from './run.js';
import type { Session } from './session.js';
import type { ChatMessage, GenerateOptions, Result } from './types.js';

/** Options for every call: how to speculate, and what the SDK has no name for. */
export type ModelSettings = Pick<
  GenerateOptions,
  | 'drafter'
  | 'gamma'
  | 'confidence'
  | 'verify'
  | 'inFlight'
  | 'minP'
  | 'repeatPenalty'
  | 'penaltyWindow'
  | 'logitBias'
>;

/**
 * The engine, or one of its sessions, as a language model of the AI SDK (specification 4: `ai` 7).
 *
 * Tools, files in prompts and JSON schemas are refused with a `PacelineError` whose code is `unsupported`. What
 * speculation did is in `providerMetadata.paceline`.
 */
export function paceline(engine: Paceline | Session, settings: ModelSettings = {}): LanguageModelV4 {
  const begin = (options: LanguageModelV4CallOptions): Run =>
    engine.chat(messagesOf(options), optionsOf(options, settings));
  return {
    specificationVersion: 'v4',
    provider: 'paceline',
    modelId: ('info' in engine && engine.info.target.name) || 'paceline',
    supportedUrls: {},

    async doGenerate(options) {
      const result = await begin(options).result;
      return {
        content: [{ type: 'text', text: result.text }],
        finishReason: reasonOf(result),
        usage: usageOf(result),
        providerMetadata: metadataOf(result),
        warnings: [],
      };
    },

    async doStream(options) {
      return { stream: streamOf(begin(options)) };
    },
  };
}

const TEXT = 'text-0';

/** The run as the SDK's stream; cancelling it ends the run. */
function streamOf(run: Run): ReadableStream<LanguageModelV4StreamPart> {
  const parts = partsOf(run);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      await parts.return();
    },
  });
}

async function* partsOf(run: Run): AsyncGenerator<LanguageModelV4StreamPart, void, undefined> {
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: TEXT };
  for await (const { text } of run) {
    if (text !== '') {
      yield { type: 'text-delta', id: TEXT, delta: text };
    }
  }
  const result = await run.result;
  yield { type: 'text-end', id: TEXT };
  yield {
    type: 'finish',
    finishReason: reasonOf(result),
    usage: usageOf(result),
    providerMetadata: metadataOf(result),
  };
}

function optionsOf(options: LanguageModelV4CallOptions, settings: ModelSettings): GenerateOptions {
  if (options.tools && options.tools.length > 0) {
    throw unsupported('calling tools', 'leave tools out');
  }
  if (options.responseFormat?.type === 'json') {
    throw unsupported('structured output', 'ask for the form in the prompt, and parse the text');
  }
  return {
    ...settings,
    maxTokens: options.maxOutputTokens,
    temperature: options.temperature,
    topP: options.topP,
    topK: options.topK,
    presencePenalty: options.presencePenalty,
    frequencyPenalty: options.frequencyPenalty,
    seed: options.seed,
    stop: options.stopSequences,
    signal: options.abortSignal,
  };
}

function messagesOf({ prompt }: LanguageModelV4CallOptions): ChatMessage[] {
  return prompt.map(message => ({ role: message.role, content: textOf(message) }));
}

function textOf(message: LanguageModelV4Message): string {
  if (typeof message.content === 'string') {
    return message.content;
  }
  const texts: string[] = [];
  for (const part of message.content) {
    // What a model thought before is no part of the conversation.
    if (part.type === 'text') {
      texts.push(part.text);
    } else if (part.type !== 'reasoning') {
      throw unsupported(`a message part of type ${JSON.stringify(part.type)}`, 'send text');
    }
  }
  return texts.join('');
}

function reasonOf({ finishReason }: Result): LanguageModelV4FinishReason {
  return { unified: finishReason === 'stop' ? 'stop' : 'length', raw: finishReason };
}

function usageOf({ promptIds, tokenIds, stats }: Result): LanguageModelV4Usage {
  const { reusedTokens } = stats;
  return {
    inputTokens: {
      total: promptIds.length,
      noCache: promptIds.length - reusedTokens,
      cacheRead: reusedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: tokenIds.length, text: tokenIds.length, reasoning: undefined },
  };
}

/** What speculation was worth: plain numbers, those that are not known left out. */
function metadataOf({ stats }: Result) {
  const numbers = Object.entries(stats).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return { paceline: Object.fromEntries(numbers) };
}
