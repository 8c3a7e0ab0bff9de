/** The dial of lenience: how far the text may stray from the target's law, for speed. */

import type { Lossy } from 'paceline';
import { build } from '../ui/build';
import { choices, choose, kindOf } from './choices';
import { Slider } from './slider';

interface Parts {
  kind: HTMLSelectElement;
  kinds: HTMLElement;
  exponential: HTMLOptionElement;
  hint: HTMLElement;
}

const EXACT = 'Exact: the text is the model’s own. Less than 1 accepts more drafts, and the text strays.';
const LOOSE =
  'Lossy: each point of extra acceptance costs a point of total variation, shown with the figures.';

/** Makes the dial. */
export function lossyDial(): HTMLElement {
  const { root, parts } = build<Parts>(`
    <div id="lossy">
      <div class="field" data-part="kinds">
        <label class="label" for="lossy-kind">Kind of lenience</label>
        <select id="lossy-kind" data-part="kind">
          <option value="linear">linear, p / ε</option>
          <option value="square">square, p / ε²</option>
          <option value="exponential" data-part="exponential">exponential, p ^ ε</option>
        </select>
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
    choose({ lossy: { ...choices.value.lossy, kind: parts.kind.value as Lossy['kind'] } }),
  );
  choices.watch(value => {
    const exact = value.lossy.epsilon === 1;
    root.hidden = value.drafter === 'none';
    epsilon.show(value.lossy.epsilon);
    parts.kinds.hidden = exact;
    parts.kind.value = kindOf(value);
    parts.exponential.disabled = value.temperature === 0;
    parts.hint.textContent = exact ? EXACT : LOOSE;
  });
  return root;
}
