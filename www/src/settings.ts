/** The controls of the side panel: who drafts, how far ahead, and how the model writes. */

import type { Drafter, EngineInfo, GenerateOptions } from 'paceline';
import { byId, chosen, radios } from './dom';

const DRAFTER_HINTS: Record<Drafter, string> = {
  none: 'Plain decoding, one token at a time: compare the speed.',
  ngram: 'Proposes what followed when the same words came before. Good where text repeats.',
  model: 'A small model runs ahead, the large one checks its words all at once.',
  'ngram+model': 'Repeats where there are any, otherwise the small model.',
};

/** Tokens ahead that each drafter begins with: a copied text is cheap to propose, a model's is not. */
const GAMMA: Record<Drafter, number> = { none: 4, ngram: 10, model: 4, 'ngram+model': 4 };

/** What the visitor has set. */
export class Settings {
  readonly #gamma = byId<HTMLInputElement>('gamma');
  readonly #auto = byId<HTMLInputElement>('gamma-auto');
  readonly #temperature = byId<HTMLInputElement>('temperature');
  readonly #topP = byId<HTMLInputElement>('top-p');

  constructor() {
    for (const radio of radios('drafter')) {
      radio.addEventListener('change', () => {
        this.#gamma.value = `${GAMMA[chosen<Drafter>('drafter')]}`;
        this.#show();
      });
    }
    for (const input of [this.#gamma, this.#auto, this.#temperature, this.#topP]) {
      input.addEventListener('input', () => this.#show());
    }
  }

  /** Offers what an engine can do. */
  begin({ draft, maxGamma }: EngineInfo): void {
    const best: Drafter = draft ? 'ngram+model' : 'ngram';
    for (const radio of radios('drafter')) {
      radio.disabled = radio.value.includes('model') && !draft;
      radio.checked = radio.value === best;
    }
    this.#gamma.max = `${maxGamma}`;
    this.#gamma.value = `${GAMMA[best]}`;
    this.#show();
  }

  /** How to generate. */
  options(): GenerateOptions {
    return {
      drafter: chosen<Drafter>('drafter'),
      gamma: this.#auto.checked ? 'auto' : this.#gamma.valueAsNumber,
      temperature: this.#temperature.valueAsNumber,
      topP: this.#topP.valueAsNumber,
      maxTokens: byId<HTMLInputElement>('max-tokens').valueAsNumber || 256,
    };
  }

  #show(): void {
    const drafter = chosen<Drafter>('drafter');
    const [plain, auto] = [drafter === 'none', this.#auto.checked];
    byId('drafter-hint').textContent = DRAFTER_HINTS[drafter];
    byId('gamma-value').textContent = plain ? '–' : auto ? 'auto' : this.#gamma.value;
    this.#gamma.disabled = plain || auto;
    this.#auto.disabled = plain;

    const temperature = this.#temperature.valueAsNumber;
    byId('temperature-value').textContent = temperature.toFixed(1);
    byId('temperature-hint').textContent =
      temperature === 0 ? 'The likeliest word, always.' : 'Drawn by chance: another answer every time.';
    byId('top-p-value').textContent = this.#topP.valueAsNumber.toFixed(2);
    this.#topP.disabled = temperature === 0;
  }
}
