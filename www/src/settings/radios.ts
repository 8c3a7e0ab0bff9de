/** A row of names of which one is chosen. */

import { element } from '../ui/build';

/** A name, and whether it cannot be chosen now. */
export interface Offer {
  name: string;
  disabled?: boolean;
}

export class Radios {
  readonly root = element('div', '', 'choices');
  readonly #name: string;
  readonly #onPick: (value: string) => void;

  /** `name` is that of the inputs. */
  constructor(name: string, onPick: (value: string) => void) {
    [this.#name, this.#onPick] = [name, onPick];
  }

  /** Puts these in the place of what was offered. */
  offer(offers: readonly Offer[]): void {
    this.root.replaceChildren(...offers.map(offer => this.#label(offer)));
  }

  /** Shows which one is chosen. */
  show(value: string): void {
    for (const input of this.root.querySelectorAll('input')) {
      input.checked = input.value === value;
    }
  }

  #label({ name, disabled = false }: Offer): HTMLElement {
    const label = element('label');
    const input = element('input');
    Object.assign(input, { type: 'radio', name: this.#name, value: name, disabled });
    input.addEventListener('change', () => this.#onPick(name));
    label.append(input, element('span', name));
    return label;
  }
}
