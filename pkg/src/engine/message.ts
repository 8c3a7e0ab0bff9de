/**
 * What a generation is asked for, in a form that can be posted.
 * @module
 */

import { checked } from '../options/check.js';
import { idsOf } from '../options/input.js';
import type { Known } from '../options/rules.js';
import { GENERATE } from '../options/tables.js';
import type { GenerateOptions } from '../types/generate.js';
import type { GenerateMessage, Prompt } from '../wire/protocol.js';

/** What `generate` continues. */
export function promptOf(prompt: unknown): Prompt {
  return typeof prompt === 'string'
    ? { type: 'text', text: prompt }
    : { type: 'ids', ids: idsOf(prompt, 'prompt', 'a string or a list of token ids') };
}

/** Options, checked, in a form that can be posted, and what stays here. */
export function messageOf(
  method: string,
  options: GenerateOptions,
  known: Known,
): GenerateMessage & Pick<GenerateOptions, 'signal' | 'onPrefill'> {
  const { stop, logitBias, ...rest } = checked(options, GENERATE, { name: 'options', of: method }, known);
  return {
    ...rest,
    stop: typeof stop === 'string' ? [stop] : stop && [...stop],
    logitBias: logitBias && entries(logitBias),
  };
}

/** The biases as pairs: the keys of an object are strings. */
function entries(bias: NonNullable<GenerateOptions['logitBias']>): [number, number][] {
  return bias instanceof Map
    ? [...(bias as ReadonlyMap<number, number>)]
    : Object.entries(bias as Record<number, number>).map(([id, value]) => [Number(id), value]);
}
