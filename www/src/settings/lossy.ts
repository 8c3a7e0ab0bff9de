/** The dial of lenience: how far the text may stray from the target's law, for speed. */

import type { ChoiceInfo } from 'paceline';
import type { Host } from '../engine/host';
import { build, element } from '../ui/build';
import { sentence } from '../ui/format';
import { choices, choose, kindOf, NEEDS_CHANCE, PLAIN, type Choices } from './choices';
import { Slider } from './slider';

interface Parts {
  kind: HTMLSelectElement;
  kinds: HTMLElement;
  about: HTMLElement;
  hint: HTMLElement;
}

const EXACT = 'Exact: the text is the model’s own. Less than 1 accepts more drafts, and the text strays.';
const LOOSE =
  'Lossy: each point of extra acceptance costs a point of total variation, shown with the figures.';

/** Makes the dial. */
export function lossyDial(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <div id="lossy">
      <div class="field" data-part="kinds">
        <label class="label" for="lossy-kind">Kind of lenience</label>
        <select id="lossy-kind" data-part="kind" aria-describedby="lossy-about"></select>
        <p class="hint" id="lossy-about" data-part="about"></p>
      </div>
      <p class="hint" data-part="hint"></p>
    </div>`);
  const epsilon = new Slider({
    id: 'epsilon',
    label: 'Exactness (epsilon)',
    min: 0.05,
    max: 1,
    step: 0.05,
    text: value => value.toFixed(2),
    onInput: value => choose({ lossy: { ...choices.value.lossy, epsilon: value } }),
  });
  epsilon.root.classList.add('field');
  root.prepend(epsilon.root);
  parts.kind.addEventListener('change', () =>
    choose({ lossy: { ...choices.value.lossy, kind: parts.kind.value } }),
  );
  let kinds: ChoiceInfo[] = [];
  const show = (value: Choices) => {
    const exact = value.lossy.epsilon === 1;
    const kind = kindOf(value);
    root.hidden = value.drafter === PLAIN;
    epsilon.show(value.lossy.epsilon);
    parts.kinds.hidden = exact;
    parts.kind.value = kind;
    parts.about.textContent = sentence(kinds.find(({ name }) => name === kind)?.about ?? '');
    for (const option of parts.kind.options) {
      option.disabled = value.temperature === 0 && option.value === NEEDS_CHANCE;
    }
    parts.hint.textContent = exact ? EXACT : LOOSE;
  };
  host.loaded.watch(loaded => {
    if (loaded) {
      kinds = loaded.engine.info.lossy;
      parts.kind.replaceChildren(
        ...kinds.map(({ name }) => Object.assign(element('option', name), { value: name })),
      );
      show(choices.value);
    }
  });
  choices.watch(show);
  return root;
}
