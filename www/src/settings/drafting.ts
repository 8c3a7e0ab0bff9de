/** The card that says who drafts, how far ahead, and how drafts are verified. */

import type { Drafter, Verify } from 'paceline';
import type { Host } from '../engine/host';
import { build } from '../ui/build';
import { choices, choose, draftersOf, isLossy, type Choices } from './choices';
import { lossyDial } from './lossy';
import { Slider } from './slider';

const HINTS: Record<Drafter, string> = {
  none: 'Plain decoding, one token at a time.',
  ngram: 'Proposes what followed when the same words came before. Good where text repeats.',
  model: 'A small model runs ahead; the large one checks its words all at once.',
  'ngram+model': 'Repeats where there are any, otherwise the small model.',
};

/** Tokens ahead that each drafter begins with: a copied text is cheap to propose, a model's is not. */
const GAMMA: Record<Drafter, number> = { none: 4, ngram: 10, model: 4, 'ngram+model': 4 };

interface Parts {
  drafters: HTMLElement;
  hint: HTMLElement;
  ahead: HTMLElement;
  auto: HTMLInputElement;
  verify: HTMLFieldSetElement;
}

/** Makes the card. */
export function draftingCard(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <details class="card" id="drafting" open>
      <summary><h2>Drafting</h2></summary>
      <fieldset class="field">
        <legend class="label">Who drafts</legend>
        <div class="choices" data-part="drafters">
          <label><input type="radio" name="drafter" value="none" /><span>Nobody</span></label>
          <label><input type="radio" name="drafter" value="ngram" /><span>Repeats</span></label>
          <label><input type="radio" name="drafter" value="model" /><span>Model</span></label>
          <label><input type="radio" name="drafter" value="ngram+model" /><span>Both</span></label>
        </div>
        <p class="hint" data-part="hint"></p>
      </fieldset>
      <div data-part="ahead">
        <label class="check"><input type="checkbox" id="gamma-auto" data-part="auto" /> As many as pay best here</label>
      </div>
      <fieldset class="field" data-part="verify">
        <legend class="label">Verify</legend>
        <div class="choices">
          <label><input type="radio" name="verify" value="token" /><span>Token by token</span></label>
          <label><input type="radio" name="verify" value="block" /><span>In blocks</span></label>
        </div>
        <p class="hint">Both keep the model’s law; blocks keep more of the draft.</p>
      </fieldset>
    </details>`);
  const radios = [...root.querySelectorAll<HTMLInputElement>('input[type=radio]')];
  const gamma = new Slider({
    id: 'gamma',
    label: 'Tokens ahead (gamma)',
    min: 1,
    max: 15,
    step: 1,
    text: String,
    onInput: value => choose({ gamma: value }),
  });
  parts.ahead.prepend(gamma.root);
  root.append(lossyDial());

  root.addEventListener('change', ({ target }) => {
    const input = target as HTMLInputElement;
    if (input.name === 'drafter') {
      const drafter = input.value as Drafter;
      choose({ drafter, gamma: choices.value.gamma === 'auto' ? 'auto' : GAMMA[drafter] });
    } else if (input.name === 'verify') {
      choose({ verify: input.value as Verify });
    } else if (input === parts.auto) {
      choose({ gamma: input.checked ? 'auto' : GAMMA[choices.value.drafter] });
    }
  });

  const show = (value: Choices) => {
    const plain = value.drafter === 'none';
    for (const radio of radios) {
      radio.checked = radio.value === (radio.name === 'drafter' ? value.drafter : value.verify);
    }
    parts.hint.textContent = HINTS[value.drafter];
    parts.ahead.hidden = plain;
    parts.verify.hidden = plain || value.temperature === 0 || isLossy(value);
    parts.auto.checked = value.gamma === 'auto';
    gamma.input.disabled = value.gamma === 'auto';
    if (value.gamma === 'auto') {
      gamma.show(GAMMA[value.drafter], 'auto');
    } else {
      gamma.show(value.gamma);
    }
  };
  host.loaded.watch(loaded => {
    if (!loaded) {
      return;
    }
    const drafters = draftersOf(loaded.engine.info);
    for (const radio of radios.filter(({ name }) => name === 'drafter')) {
      radio.disabled = !drafters.includes(radio.value as Drafter);
    }
    gamma.input.max = `${loaded.engine.info.maxGamma}`;
    show(choices.value);
  });
  choices.watch(show);
  return root;
}
