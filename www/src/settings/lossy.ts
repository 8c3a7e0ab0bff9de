/** The dial of lenience, where the engine has it: how far the text may stray from the target's law, for speed. */

import { LOSSY, type LossyKind } from '../engine/features';
import { build } from '../ui/build';
import { choices, choose } from './choices';
import { Slider } from './slider';

interface Parts {
  kind: HTMLSelectElement;
  hint: HTMLElement;
}

const EXACT = 'Exact: the text is the model’s own. Less than 1 accepts more drafts, and the text strays.';
const LOOSE =
  'Lossy: each point of extra acceptance costs a point of total variation, shown with the figures.';

/** Makes the dial; `undefined` where the engine has none. */
export function lossyDial(): HTMLElement | undefined {
  if (!LOSSY) {
    return undefined;
  }
  const { root, parts } = build<Parts>(`
    <div id="lossy">
      <div class="field">
        <label class="label" for="lossy-kind">Kind of lenience</label>
        <select id="lossy-kind" data-part="kind">
          <option value="linear">linear, p / ε</option>
          <option value="square">square, p / ε²</option>
          <option value="exponential">exponential, p ^ ε</option>
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
    choose({ lossy: { ...choices.value.lossy, kind: parts.kind.value as LossyKind } }),
  );
  choices.watch(({ drafter, lossy }) => {
    root.hidden = drafter === 'none';
    epsilon.show(lossy.epsilon);
    parts.kind.value = lossy.kind;
    parts.kind.disabled = lossy.epsilon === 1;
    parts.hint.textContent = lossy.epsilon === 1 ? EXACT : LOOSE;
  });
  return root;
}
