/**
 * What OpenAI's API knows and a model in the browser cannot do: refused as `unsupported`, unless it asks for nothing.
 * @module
 */

import { unsupported, type Rule } from './rules.js';

interface NotHere {
  /** What to do instead. */
  remedy: string;
  /** Values that ask for nothing, besides `null`, `false`, 0 and an empty list. */
  nothing?: (value: unknown) => boolean;
}

const isAutomatic = (value: unknown) => value === 'auto' || value === 'none';
const isNone = (value: unknown) => value === 'none';
const isText = (value: unknown) => Array.isArray(value) && value.every(kind => kind === 'text');

/** By their names in OpenAI's API, those of messages among them. */
export const NOT_HERE: Readonly<Record<string, NotHere>> = {
  tools: { remedy: 'the model cannot call tools: leave it out' },
  tool_choice: { remedy: 'the model cannot call tools: leave it out', nothing: isNone },
  parallel_tool_calls: {
    remedy: 'the model cannot call tools: leave it out',
    nothing: value => typeof value === 'boolean',
  },
  functions: { remedy: 'the model cannot call functions: leave it out' },
  function_call: { remedy: 'the model cannot call functions: leave it out', nothing: isAutomatic },
  tool_calls: { remedy: 'the model cannot call tools: put what was found out into the text' },
  tool_call_id: { remedy: 'the model cannot call tools: put what was found out into the text' },
  response_format: {
    remedy: 'ask for the form in the prompt, and parse the text',
    nothing: value => (value as { type?: unknown }).type === 'text',
  },
  n: { remedy: 'ask once for each answer', nothing: value => value === 1 },
  best_of: { remedy: 'ask once for each answer', nothing: value => value === 1 },
  top_logprobs: { remedy: 'only those of the chosen tokens are known: ask for logprobs alone' },
  modalities: { remedy: 'answers are text: leave it out', nothing: isText },
  audio: { remedy: 'answers are text: leave it out' },
  prediction: { remedy: 'drafters look for repeated text by themselves: leave it out' },
  reasoning_effort: { remedy: 'say in the prompt how much to think', nothing: isNone },
  verbosity: {
    remedy: 'say in the prompt how long the answer should be',
    nothing: value => value === 'medium',
  },
  web_search_options: { remedy: 'nothing leaves the page: leave it out' },
  store: { remedy: 'answers are not kept: leave it out' },
  metadata: { remedy: 'answers are not kept: leave it out' },
  service_tier: {
    remedy: 'there is no server: leave it out',
    nothing: value => value === 'auto' || value === 'default',
  },
  safety_identifier: { remedy: 'there is no server: leave it out' },
  prompt_cache_key: { remedy: 'each session keeps its own conversation: leave it out' },
  prompt_cache_retention: { remedy: 'each session keeps its own conversation: leave it out' },
  include_obfuscation: { remedy: 'nothing goes over a network: leave it out' },
  tool_invocations: { remedy: 'the model cannot call tools: put what was found out into the text' },
  images: { remedy: 'send text' },
  experimental_attachments: { remedy: 'send text' },
  refusal: { remedy: 'put it into the content' },
};

/** What would be lost of a message if it were left out; whatever else a page keeps in its messages is its own. */
const OF_MESSAGES = [
  'tool_calls',
  'tool_call_id',
  'tool_invocations',
  'function_call',
  'audio',
  'images',
  'experimental_attachments',
  'refusal',
] as const;

/** Refuses a message that says more than its text. */
export function onlyText(message: object, name: string): void {
  for (const [key, value] of Object.entries(message)) {
    const more = OF_MESSAGES.find(name => plain(name) === plain(key));
    if (more) {
      notHere(more)(value, `${name}.${key}`);
    }
  }
}

/** A name without what differs between `maxTokens` and `max_tokens`. */
export function plain(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9]/g, '').toLowerCase();
}

/** The rule for `option`: it must ask for nothing. */
export function notHere(option: string): Rule {
  const { remedy = 'leave it out', nothing } = NOT_HERE[option] ?? {};
  return (value, name) => {
    const none =
      value === null ||
      value === undefined ||
      value === false ||
      value === 0 ||
      (Array.isArray(value) && value.length === 0) ||
      nothing?.(value);
    if (!none) {
      throw unsupported(name, remedy);
    }
  };
}
