/** The card that says who drafts, how far ahead, and how drafts are verified. */

import type { ChoiceInfo, DrafterInfo } from 'paceline';
import type { Host } from '../engine/host';
import { build } from '../ui/build';
import { sentence } from '../ui/format';
import { choices, choose, draftersOf, isAble, isLossy, PLAIN, type Choices } from './choices';
import { lossyDial } from './lossy';
import { Radios } from './radios';
import { Slider } from './slider';

interface Parts {
  drafter: HTMLElement;
  ahead: HTMLElement;
  auto: HTMLInputElement;
  verify: HTMLFieldSetElement;
  verifier: HTMLElement;
}

/** Makes the card. */
export function draftingCard(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <details class="card" id="drafting" open>
      <summary><h2>Drafting</h2></summary>
      <fieldset class="field">
        <legend class="label">Who drafts</legend>
        <p class="hint" data-part="drafter"></p>
      </fieldset>
      <div data-part="ahead">
        <label class="check"><input type="checkbox" id="gamma-auto" data-part="auto" /> As many as pay best here</label>
      </div>
      <fieldset class="field" data-part="verify">
        <legend class="label">Verify</legend>
        <p class="hint" data-part="verifier"></p>
      </fieldset>
    </details>`);
  let drafters: DrafterInfo[] = [];
  let verifiers: ChoiceInfo[] = [];
  /** Tokens ahead to begin with: a copied text is cheap to propose, a model's is not. */
  const aheadOf = (drafter: string) =>
    drafters.some(({ name, needsDraft }) => name === drafter && !needsDraft) ? 10 : 4;

  const who = new Radios('drafter', drafter =>
    choose({ drafter, gamma: choices.value.gamma === 'auto' ? 'auto' : aheadOf(drafter) }),
  );
  const how = new Radios('verify', verify => choose({ verify }));
  parts.drafter.before(who.root);
  parts.verifier.before(how.root);
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
  root.append(lossyDial(host));
  parts.auto.addEventListener('change', () =>
    choose({ gamma: parts.auto.checked ? 'auto' : aheadOf(choices.value.drafter) }),
  );

  const show = (value: Choices) => {
    const plain = value.drafter === PLAIN;
    who.show(value.drafter);
    how.show(value.verify);
    parts.drafter.textContent = aboutOf(value.drafter, drafters);
    parts.verifier.textContent = `${aboutOf(value.verify, verifiers)} The model’s law stays.`;
    parts.ahead.hidden = plain;
    parts.verify.hidden = plain || value.temperature === 0 || isLossy(value);
    parts.auto.checked = value.gamma === 'auto';
    gamma.input.disabled = value.gamma === 'auto';
    if (value.gamma === 'auto') {
      gamma.show(aheadOf(value.drafter), 'auto');
    } else {
      gamma.show(value.gamma);
    }
  };
  host.loaded.watch(loaded => {
    if (!loaded) {
      return;
    }
    const { info } = loaded.engine;
    drafters = draftersOf(info);
    verifiers = info.verifiers;
    who.offer(drafters.map(drafter => ({ name: drafter.name, disabled: !isAble(drafter, info) })));
    how.offer(verifiers);
    gamma.input.max = `${info.maxGamma}`;
    show(choices.value);
  });
  choices.watch(show);
  return root;
}

function aboutOf(chosen: string, offered: readonly ChoiceInfo[]): string {
  return sentence(offered.find(({ name }) => name === chosen)?.about ?? '');
}
