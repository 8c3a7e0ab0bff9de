/** A slider with its value beside its name. */

import { build } from '../ui/build';

/** How a slider looks and moves. */
export interface SliderOptions {
  id: string;
  label: string;
  min: number;
  max: number;
  step: number;
  /** How the value is written. */
  text: (value: number) => string;
  onInput: (value: number) => void;
}

interface Parts {
  input: HTMLInputElement;
  label: HTMLElement;
  output: HTMLOutputElement;
}

export class Slider {
  readonly root: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #output: HTMLOutputElement;
  readonly #text: (value: number) => string;

  constructor({ id, label, min, max, step, text, onInput }: SliderOptions) {
    const { root, parts } = build<Parts>(`
      <div class="field slider">
        <label class="label" for="${id}"><span data-part="label"></span><output data-part="output" for="${id}"></output></label>
        <input data-part="input" id="${id}" type="range" />
      </div>`);
    [this.root, this.input, this.#output, this.#text] = [root, parts.input, parts.output, text];
    parts.label.textContent = label;
    Object.assign(parts.input, { min: `${min}`, max: `${max}`, step: `${step}` });
    parts.input.addEventListener('input', () => onInput(parts.input.valueAsNumber));
  }

  /** Shows `value`, and other words for it where given. */
  show(value: number, text = this.#text(value)): void {
    this.input.value = `${value}`;
    this.input.setAttribute('aria-valuetext', text);
    this.#output.textContent = text;
  }
}
