/** What the visitor has chosen: who drafts, how far ahead, and how the model writes. */

import type { Drafter, EngineInfo, GenerateOptions, Lossy, Verify } from 'paceline';
import { keep, recall } from '../ui/prefer';
import { State } from '../ui/state';

export interface Choices {
  drafter: Drafter;
  gamma: number | 'auto';
  verify: Verify;
  lossy: Lossy;
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
  repeatPenalty: number;
  seed: number | undefined;
  maxTokens: number;
}

/** The package's own defaults, except that nothing is drawn by chance until somebody asks for it. */
const DEFAULTS: Choices = {
  drafter: 'ngram',
  gamma: 'auto',
  verify: 'block',
  lossy: { kind: 'linear', epsilon: 1 },
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repeatPenalty: 1,
  seed: undefined,
  maxTokens: 256,
};

const KEY = 'paceline-demo-choices';

/** The choices of this page, kept for the next visit. */
export const choices = new State<Choices>(recall(KEY, DEFAULTS));

choices.watch(value => keep(KEY, value));

/** Changes some of the choices. */
export function choose(change: Partial<Choices>): void {
  choices.value = { ...choices.value, ...change };
}

/** The drafters that an engine has. */
export function draftersOf({ draft }: EngineInfo): Drafter[] {
  return draft ? ['none', 'ngram', 'model', 'ngram+model'] : ['none', 'ngram'];
}

/** Keeps the choices within what a freshly loaded engine can do, and lets a draft model draft. */
export function fit(info: EngineInfo): void {
  const { drafter, gamma } = choices.value;
  const possible = draftersOf(info).includes(drafter) ? drafter : 'ngram';
  choose({
    drafter: info.draft && possible === 'ngram' ? 'ngram+model' : possible,
    gamma: gamma === 'auto' ? gamma : Math.min(gamma, info.maxGamma),
  });
}

/** Whether the text may stray from the target's law. */
export function isLossy({ drafter, lossy }: Choices): boolean {
  return drafter !== 'none' && lossy.epsilon < 1;
}

/** The kind of lenience: the exponential one needs probabilities, which temperature 0 has not. */
export function kindOf({ lossy, temperature }: Choices): Lossy['kind'] {
  return temperature === 0 && lossy.kind === 'exponential' ? 'linear' : lossy.kind;
}

/** The choices as options: only those that say something. */
export function optionsOf(value: Choices): GenerateOptions {
  const { drafter, gamma, temperature, maxTokens } = value;
  const options: GenerateOptions = { drafter, maxTokens };
  if (drafter !== 'none') {
    options.gamma = gamma;
  }
  if (isLossy(value)) {
    options.lossy = { ...value.lossy, kind: kindOf(value) };
  }
  if (value.repeatPenalty !== DEFAULTS.repeatPenalty) {
    options.repeatPenalty = value.repeatPenalty;
  }
  if (temperature === 0) {
    return options;
  }
  options.temperature = temperature;
  for (const name of ['topP', 'topK', 'minP'] as const) {
    if (value[name] !== DEFAULTS[name]) {
      options[name] = value[name];
    }
  }
  if (drafter !== 'none' && !isLossy(value)) {
    options.verify = value.verify;
  }
  if (value.seed !== undefined) {
    options.seed = value.seed;
  }
  return options;
}
