/** What the visitor has chosen: who drafts, how far ahead, and how the model writes. */

import type { ChoiceInfo, Drafter, DrafterInfo, EngineInfo, GenerateOptions, Lossy, Verify } from 'paceline';
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

/** The drafter that proposes nothing: plain decoding. */
export const PLAIN = 'none';

/** The kind of lenience that needs probabilities, which temperature 0 has not. */
export const NEEDS_CHANCE = 'exponential';

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

/** The drafters of an engine, and each that needs a draft also behind the first that needs none: `ngram+model`. */
export function draftersOf({ drafters }: EngineInfo): DrafterInfo[] {
  const first = drafters.find(({ name, needsDraft }) => name !== PLAIN && !needsDraft);
  const behind = first ? drafters.filter(({ needsDraft }) => needsDraft) : [];
  return [
    ...drafters,
    ...behind.map(second => ({
      ...second,
      name: `${first?.name}+${second.name}`,
      about: `${first?.about}; otherwise ${second.about}`,
    })),
  ];
}

/** Whether a drafter has what it needs. */
export function isAble({ needsDraft }: DrafterInfo, { draft }: EngineInfo): boolean {
  return !needsDraft || draft !== undefined;
}

/** Who drafts unless the visitor says otherwise: the draft model where there is one, but repeats before it. */
export function defaultOf(info: EngineInfo): Drafter {
  const able = draftersOf(info).filter(drafter => isAble(drafter, info) && drafter.name !== PLAIN);
  return (able.find(({ name }) => name.includes('+')) ?? able[0])?.name ?? PLAIN;
}

/** Keeps the choices within what an engine can do; where it is a new one, lets its draft model draft. */
export function fit(info: EngineInfo, isNew: boolean): void {
  const { drafter, gamma, verify, lossy } = choices.value;
  const chosen = draftersOf(info).find(({ name }) => name === drafter);
  const idle = isNew && info.draft && drafter !== PLAIN && !chosen?.needsDraft;
  const stays = chosen && isAble(chosen, info) && !idle;
  choose({
    drafter: stays ? drafter : defaultOf(info),
    gamma: gamma === 'auto' ? gamma : Math.min(gamma, info.maxGamma),
    verify: fitting(verify, info.verifiers),
    lossy: { ...lossy, kind: fitting(lossy.kind, info.lossy) },
  });
}

/** `name` where it is offered, otherwise the first that is. */
function fitting(name: string, offered: readonly ChoiceInfo[]): string {
  return offered.some(offer => offer.name === name) ? name : (offered[0]?.name ?? name);
}

/** Whether the text may stray from the target's law. */
export function isLossy({ drafter, lossy }: Choices): boolean {
  return drafter !== PLAIN && lossy.epsilon < 1;
}

/** The kind of lenience: at temperature 0 one that works there. */
export function kindOf({ lossy, temperature }: Choices): Lossy['kind'] {
  return temperature === 0 && lossy.kind === NEEDS_CHANCE ? DEFAULTS.lossy.kind : lossy.kind;
}

/** The choices as options: only those that say something. */
export function optionsOf(value: Choices): GenerateOptions {
  const { drafter, gamma, temperature, maxTokens } = value;
  const options: GenerateOptions = { drafter, maxTokens };
  if (drafter !== PLAIN) {
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
  if (drafter !== PLAIN && !isLossy(value)) {
    options.verify = value.verify;
  }
  if (value.seed !== undefined) {
    options.seed = value.seed;
  }
  return options;
}
