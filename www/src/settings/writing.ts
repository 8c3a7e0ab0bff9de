/** The card that says how the model writes: chance, and its limits. */

import { build } from '../ui/build';
import { choices, choose } from './choices';
import { Slider } from './slider';

interface Parts {
  first: HTMLElement;
  hint: HTMLElement;
  chance: HTMLElement;
  length: HTMLInputElement;
  more: HTMLElement;
  topK: HTMLInputElement;
  seed: HTMLInputElement;
}

const twoPlaces = (value: number) => value.toFixed(2);

/** Makes the card. */
export function writingCard(): HTMLElement {
  const { root, parts } = build<Parts>(`
    <details class="card" id="writing" open>
      <summary><h2>Writing</h2></summary>
      <div data-part="first"></div>
      <p class="hint" data-part="hint"></p>
      <div data-part="chance"></div>
      <div class="field">
        <label class="label" for="max-tokens">Longest answer, in tokens</label>
        <input id="max-tokens" type="number" min="1" max="4096" inputmode="numeric" data-part="length" />
      </div>
      <details class="more">
        <summary>More</summary>
        <div data-part="more">
          <div class="pair">
            <div>
              <label class="label" for="top-k">Top-k <small>0: all</small></label>
              <input id="top-k" type="number" min="0" max="1000" inputmode="numeric" data-part="topK" />
            </div>
            <div>
              <label class="label" for="seed">Seed</label>
              <input id="seed" type="number" min="0" max="9007199254740991" inputmode="numeric" placeholder="by chance" data-part="seed" />
            </div>
          </div>
        </div>
      </details>
    </details>`);
  const temperature = new Slider({
    id: 'temperature',
    label: 'Temperature',
    min: 0,
    max: 1.5,
    step: 0.1,
    text: value => value.toFixed(1),
    onInput: value => choose({ temperature: value }),
  });
  const topP = new Slider({
    id: 'top-p',
    label: 'Top-p',
    min: 0.05,
    max: 1,
    step: 0.05,
    text: twoPlaces,
    onInput: value => choose({ topP: value }),
  });
  const minP = new Slider({
    id: 'min-p',
    label: 'Min-p',
    min: 0,
    max: 0.5,
    step: 0.01,
    text: twoPlaces,
    onInput: value => choose({ minP: value }),
  });
  const penalty = new Slider({
    id: 'repeat-penalty',
    label: 'Repeat penalty',
    min: 1,
    max: 2,
    step: 0.05,
    text: twoPlaces,
    onInput: value => choose({ repeatPenalty: value }),
  });
  parts.first.append(temperature.root);
  parts.chance.append(topP.root);
  parts.more.prepend(minP.root, penalty.root);
  onNumber(parts.length, value => choose({ maxTokens: value ?? 256 }));
  onNumber(parts.topK, value => choose({ topK: value ?? 0 }));
  onNumber(parts.seed, value => choose({ seed: value }));

  choices.watch(value => {
    const greedy = value.temperature === 0;
    temperature.show(value.temperature);
    topP.show(value.topP);
    minP.show(value.minP);
    penalty.show(value.repeatPenalty);
    parts.chance.hidden = greedy;
    for (const input of [minP.input, parts.topK, parts.seed]) {
      input.disabled = greedy;
    }
    parts.hint.textContent = greedy
      ? 'The likeliest word, always.'
      : value.seed === undefined
        ? 'Drawn by chance: another answer every time.'
        : 'Drawn by the seed: the same answer every time.';
    setUnlessFocused(parts.length, value.maxTokens);
    setUnlessFocused(parts.topK, value.topK);
    setUnlessFocused(parts.seed, value.seed);
  });
  return root;
}

/** Calls `take` with whole numbers within the field's limits, or `undefined` where the field is empty. */
function onNumber(input: HTMLInputElement, take: (value: number | undefined) => void): void {
  input.addEventListener('input', () => {
    const value = input.valueAsNumber;
    if (Number.isNaN(value)) {
      take(undefined);
    } else if (input.validity.valid) {
      take(value);
    }
  });
}

/** Somebody who is typing is not interrupted. */
function setUnlessFocused(input: HTMLInputElement, value: number | undefined): void {
  if (document.activeElement !== input) {
    input.value = value === undefined ? '' : `${value}`;
  }
}
