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
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3FinishReason,
  LanguageModelV3Message,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import type { Paceline } from './engine/engine.js';
import type { Run } from './engine/run.js';
import type { Session } from './engine/session.js';
import { checked, nested, only } from './options/check.js';
import { notHere } from './options/not-here.js';
import {
  abortSignal,
  refuse,
  unsupported,
  type EngineRule,
  type Known,
  type Table,
} from './options/rules.js';
import { GENERATE } from './options/tables.js';
import type { ChatMessage, GenerateOptions, Result } from './types/generate.js';

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

const SETTINGS: Table<ModelSettings, EngineRule> = only(
  GENERATE,
  'drafter',
  'gamma',
  'confidence',
  'verify',
  'inFlight',
  'minP',
  'repeatPenalty',
  'penaltyWindow',
  'logitBias',
);

/**
 * The engine, or one of its sessions, as a language model of the AI SDK: specification 3, which `ai` 6 and `ai` 7 take.
 *
 * Tools, files in prompts and JSON schemas are refused with a `PacelineError` whose code is `unsupported`. What
 * speculation did is in `providerMetadata.paceline`; `providerOptions.paceline` has {@link ModelSettings} for one call.
 *
 * @throws `PacelineError` `invalid-option` for settings that are unknown or ill-typed
 */
export function paceline(engine: Paceline | Session, settings: ModelSettings = {}): LanguageModelV3 {
  if (typeof engine?.chat !== 'function') {
    refuse('engine', engine, 'a loaded engine or a session');
  }
  const { completions } = engine.chat;
  const all = { ...checked(settings, SETTINGS, { name: 'settings', of: 'paceline' }, completions.info) };
  const begin = (options: LanguageModelV3CallOptions): Run =>
    engine.chat(messagesOf(options), optionsOf(options, all, completions.info));
  return {
    specificationVersion: 'v3',
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
function streamOf(run: Run): ReadableStream<LanguageModelV3StreamPart> {
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

async function* partsOf(run: Run): AsyncGenerator<LanguageModelV3StreamPart, void, undefined> {
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

/** What the SDK asks for, by its names. What it adds on its own behalf (headers, raw chunks) has no meaning here. */
const ASKED: Readonly<Partial<Record<string, EngineRule>>> = {
  maxOutputTokens: GENERATE.maxTokens,
  temperature: GENERATE.temperature,
  topP: GENERATE.topP,
  topK: GENERATE.topK,
  presencePenalty: GENERATE.presencePenalty,
  frequencyPenalty: GENERATE.frequencyPenalty,
  seed: GENERATE.seed,
  stopSequences: GENERATE.stop,
  abortSignal,
  tools: notHere('tools'),
  toolChoice: (value, name) => {
    const type = (value as { type?: unknown } | null)?.type;
    if (type !== 'auto' && type !== 'none') {
      notHere('tool_choice')(value, name);
    }
  },
  responseFormat: notHere('response_format'),
  reasoning: (value, name) => {
    if (value !== 'provider-default') {
      notHere('reasoning_effort')(value, name);
    }
  },
};

function optionsOf(
  options: LanguageModelV3CallOptions,
  settings: ModelSettings,
  known: Known,
): GenerateOptions {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) {
      ASKED[name]?.(value, name, known);
    }
  }
  const own = options.providerOptions?.paceline ?? {};
  nested(SETTINGS)(own, 'providerOptions.paceline', known);
  return {
    ...settings,
    ...(own as ModelSettings),
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

function messagesOf({ prompt }: LanguageModelV3CallOptions): ChatMessage[] {
  return prompt.map(message => ({ role: message.role, content: textOf(message) }));
}

function textOf(message: LanguageModelV3Message): string {
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

function reasonOf({ finishReason }: Result): LanguageModelV3FinishReason {
  return { unified: finishReason === 'stop' ? 'stop' : 'length', raw: finishReason };
}

function usageOf({ promptIds, tokenIds, stats }: Result): LanguageModelV3Usage {
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
