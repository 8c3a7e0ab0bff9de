/** Where a message is written: grows with it, sends with Enter, stops an answer. */

import { build } from '../ui/build';

interface Parts {
  prompt: HTMLTextAreaElement;
  send: HTMLButtonElement;
  stop: HTMLButtonElement;
}

export class Composer {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor(onSend: (text: string) => void, onStop: () => void) {
    const { root, parts } = build<Parts>(`
      <form class="composer">
        <label class="visually-hidden" for="prompt">Your message</label>
        <textarea id="prompt" data-part="prompt" rows="1" data-focus placeholder="Write a message" enterkeyhint="send"></textarea>
        <button class="primary" id="send" data-part="send" type="submit">Send</button>
        <button id="stop" data-part="stop" type="button" hidden>Stop</button>
      </form>`);
    [this.root, this.#parts] = [root, parts];
    const { prompt, stop } = parts;
    root.addEventListener('submit', event => {
      event.preventDefault();
      onSend(prompt.value);
    });
    prompt.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        onSend(prompt.value);
      }
    });
    prompt.addEventListener('input', () => this.#grow());
    stop.addEventListener('click', onStop);
  }

  get text(): string {
    return this.#parts.prompt.value;
  }

  set text(text: string) {
    this.#parts.prompt.value = text;
    this.#grow();
  }

  set busy(busy: boolean) {
    const { prompt, send, stop } = this.#parts;
    const refocus = document.activeElement === send || document.activeElement === stop;
    send.hidden = busy;
    stop.hidden = !busy;
    if (refocus) {
      (busy ? stop : prompt).focus();
    }
  }

  focus(): void {
    this.#parts.prompt.focus();
  }

  #grow(): void {
    const { prompt } = this.#parts;
    prompt.style.height = 'auto';
    prompt.style.height = `${prompt.scrollHeight + 2}px`;
  }
}
