/**
 * The options of an engine and what each may be. OpenAI's and the AI SDK's names for them are tables of the same rules
 * (`openai/request.ts`, `ai-sdk.ts`), and so are the store's options (`store/options.ts`).
 *
 * What the engine checks too has the engine's code; here it gets the name by which it was given, before anything waits.
 * @module
 */

import type { GenerateOptions, Lossy } from '../types/generate.js';
import type { LoadOptions } from '../types/load.js';
import { nested } from './check.js';
import {
  abortSignal,
  callback,
  elsewhere,
  flag,
  known,
  listed,
  number,
  oneOf,
  refuse,
  shown,
  such,
  whole,
  type EngineRule,
  type Rule,
  type Table,
} from './rules.js';

/** The greatest count that the engine's 32 bits hold. */
export const MOST = 2 ** 32 - 1;
/** Most entries of `logitBias`. */
const MOST_BIASES = 256;
const LEAST_FACTOR = Math.fround(0.001);

const share = (what: string, outside?: 'sampling-range') =>
  number(`0 to 1; ${what}`, value => value >= 0 && value <= 1, outside);
const penalty = number('a finite number; 0 is none', Number.isFinite, 'sampling-range');
const isFactor = (value: number) => value >= LEAST_FACTOR && value <= 1000;

const seed: Rule = such(
  'a whole number from 0 to 2 ** 53 - 1, or a bigint from 0n to 2n ** 64n - 1n',
  value =>
    typeof value === 'bigint'
      ? value >= 0n && value < 2n ** 64n
      : Number.isSafeInteger(value) && (value as number) >= 0,
);

const gamma: Rule = such(
  `"auto" or a whole number from 0 to ${MOST}`,
  value => value === 'auto' || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST),
);

const stop: Rule = such('a string or a list of strings, none of them empty', value =>
  (Array.isArray(value) ? value : [value]).every(text => typeof text === 'string' && text !== ''),
);

const logitBias: Rule = (value, name) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(name, value, 'an object or a Map from token ids to numbers');
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  for (const [id, bias] of entries) {
    const isId = typeof id === 'string' ? /^(0|[1-9]\d*)$/.test(id) : Number.isInteger(id) && id >= 0;
    if (!isId || Number(id) > MOST) {
      refuse(`${name} has the key ${shown(id)}, which`, id, 'a token id');
    }
    number('a finite number; -100 bans a token', Number.isFinite, 'sampling-range')(bias, `${name}[${id}]`);
  }
  if (entries.length > MOST_BIASES) {
    const allowed = `an object of at most ${MOST_BIASES} token ids; leave out the smallest ones`;
    refuse(`${name} with ${entries.length} entries`, value, allowed, 'logit-bias-too-many');
  }
};

/** Names with `+` between them. */
const drafter: EngineRule = (value, name, { drafters }) => {
  const names = drafters.map(drafter => drafter.name);
  const allowed = `${listed(names.map(known => JSON.stringify(known)))}, or several of them with + between`;
  if (typeof value !== 'string') {
    refuse(name, value, allowed);
  }
  const unlisted = value.split('+').some(part => !names.includes(part));
  // Where no draft is loaded, only the engine may know those that need one: it says what is missing.
  if (unlisted && drafters.some(({ needsDraft }) => needsDraft)) {
    refuse(name, value, allowed, 'drafter-unknown');
  }
};

const LOSSY: Table<Lossy, EngineRule> = {
  kind: known('lossy'),
  epsilon: number('0.01 to 1; 1 is without loss', e => e >= Math.fround(0.01) && e <= 1, 'sampling-range'),
};

const lossy: EngineRule = (value, name, known) => {
  nested(LOSSY)(value, name, known);
  const { kind, epsilon } = value as Partial<Lossy>;
  if (kind === undefined || epsilon === undefined) {
    refuse(name, value, 'an object with a kind and an epsilon');
  }
};

/** Of `generate` and `chat`. */
export const GENERATE: Table<GenerateOptions, EngineRule> = {
  maxTokens: whole(0, MOST),
  drafter,
  gamma,
  confidence: share('0 never stops the draft model'),
  verify: known('verifiers', 'verifier-unknown'),
  lossy,
  inFlight: whole(0, MOST),
  temperature: number(
    '0 for greedy decoding, or 0.001 to 1000',
    value => value === 0 || isFactor(value),
    'sampling-range',
  ),
  topK: whole(0, MOST),
  topP: share('1 keeps every token', 'sampling-range'),
  minP: share('0 keeps every token', 'sampling-range'),
  repeatPenalty: number('0.001 to 1000; 1 is none', isFactor, 'sampling-range'),
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  penaltyWindow: whole(0, 256, 'sampling-range'),
  logitBias,
  seed,
  stop,
  logprobs: flag,
  signal: abortSignal,
  onPrefill: callback,
};

/** Of `Paceline.load`. */
export const LOAD: Table<LoadOptions> = {
  target: elsewhere,
  draft: elsewhere,
  device: oneOf(['auto', 'webgpu', 'cpu'], 'device-unknown'),
  capacity: whole(2, MOST),
  threads: whole(1, 64),
  kvCache: oneOf(['f32', 'f16'], 'kv-cache-unknown'),
  precompile: flag,
  cache: such(
    'true, false or a ModelStore',
    value =>
      typeof value === 'boolean' || typeof (value as { directory?: unknown } | null)?.directory === 'string',
  ),
  onProgress: callback,
  signal: abortSignal,
  worker: callback,
};
