/** The second view: a conversation. */

import type { ChatMessage, Paceline, Piece, Run } from 'paceline';
import { announce, byId, isAbort, showError } from './dom';
import { showDevice, showStats } from './figures';
import { Settings } from './settings';

const EXAMPLES = [
  'Why is the sky blue?',
  'Write a nursery rhyme with a refrain.',
  'Write a Python class for a bank account.',
];

/** A conversation with one engine at a time. */
export class Chat {
  #engine: Paceline | undefined;
  #messages: ChatMessage[] = [];
  #controller: AbortController | undefined;
  readonly #log = byId('log');
  readonly #welcome = byId('welcome');
  readonly #error = byId('chat-error');
  readonly #prompt = byId<HTMLTextAreaElement>('prompt');
  readonly #settings = new Settings();

  constructor() {
    byId('composer').addEventListener('submit', event => {
      event.preventDefault();
      void this.#send(this.#prompt.value);
    });
    this.#prompt.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        void this.#send(this.#prompt.value);
      }
    });
    this.#prompt.addEventListener('input', () => this.#grow());
    byId('stop').addEventListener('click', () => this.#controller?.abort());
    byId('new-chat').addEventListener('click', () => this.clear());
    byId('tint').addEventListener('change', event => {
      this.#log.classList.toggle('plain', !(event.target as HTMLInputElement).checked);
    });
    byId('examples').append(...EXAMPLES.map(text => this.#example(text)));
  }

  /** Begins with an engine. */
  async begin(engine: Paceline): Promise<void> {
    this.#engine = engine;
    const { info } = engine;
    this.#settings.begin(info);
    this.clear();
    showDevice(info, await engine.memory());
  }

  /** Lets go of the engine. */
  end(): void {
    this.#controller?.abort();
    this.#engine?.dispose();
    this.#engine = undefined;
  }

  /** Forgets the conversation. */
  clear(): void {
    this.#controller?.abort();
    this.#messages = [];
    this.#log.replaceChildren(this.#welcome);
    showError(this.#error);
    showStats();
    this.#prompt.focus();
  }

  async #send(text: string): Promise<void> {
    const engine = this.#engine;
    const content = text.trim();
    if (!engine || this.#controller || content === '') {
      return;
    }
    const controller = (this.#controller = new AbortController());
    this.#prompt.value = '';
    this.#grow();
    this.#setBusy(true);
    showError(this.#error);
    this.#welcome.remove();

    const messages: ChatMessage[] = [...this.#messages, { role: 'user', content }];
    const question = this.#bubble('user', content);
    const answer = this.#bubble('assistant');
    let written = '';
    try {
      const run = engine.chat(messages, {
        ...this.#settings.options(),
        signal: controller.signal,
        onPrefill: (done, total) => (answer.dataset.reading = `Reading ${done} of ${total} tokens…`),
      });
      written = await this.#stream(run, answer);
      const { finishReason } = await run.result;
      if (finishReason !== 'stop') {
        note(
          answer,
          finishReason === 'length'
            ? 'Cut at the longest answer set.'
            : 'The context is full: begin a new chat.',
        );
      }
      announce(`Answer: ${written}`);
    } catch (error) {
      written = answer.textContent ?? '';
      if (isAbort(error)) {
        announce('Stopped');
      } else {
        showError(this.#error, error);
      }
    } finally {
      answer.removeAttribute('aria-busy');
      delete answer.dataset.reading;
      if (this.#controller === controller) {
        this.#controller = undefined;
        this.#setBusy(false);
      }
    }
    if (!question.isConnected) {
      return; // The chat was cleared meanwhile.
    }
    if (written === '') {
      // Nothing came: the question goes back to where it can be changed.
      question.remove();
      answer.remove();
      this.#prompt.value ||= content;
      this.#grow();
    } else {
      this.#messages = [...messages, { role: 'assistant', content: written }];
    }
  }

  /** Shows an answer as it comes, and gives its text. */
  async #stream(run: Run, answer: HTMLElement): Promise<string> {
    let written = '';
    for await (const piece of run) {
      const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
      written += piece.text;
      delete answer.dataset.reading;
      appendPiece(answer, piece);
      showStats(piece.stats);
      if (atEnd) {
        this.#log.scrollTop = this.#log.scrollHeight;
      }
    }
    return written;
  }

  #bubble(role: 'user' | 'assistant', text = ''): HTMLElement {
    const bubble = document.createElement('article');
    bubble.className = `bubble ${role}`;
    bubble.setAttribute('aria-label', role === 'user' ? 'You' : 'Model');
    bubble.textContent = text;
    if (role === 'assistant') {
      bubble.setAttribute('aria-busy', 'true');
    }
    this.#log.append(bubble);
    this.#log.scrollTop = this.#log.scrollHeight;
    return bubble;
  }

  #example(text: string): HTMLElement {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'quiet';
    button.textContent = text;
    button.addEventListener('click', () => void this.#send(text));
    item.append(button);
    return item;
  }

  #setBusy(busy: boolean): void {
    const [send, stop] = [byId('send'), byId('stop')];
    const refocus = document.activeElement === send || document.activeElement === stop;
    send.hidden = busy;
    stop.hidden = !busy;
    if (refocus) {
      (busy ? stop : this.#prompt).focus();
    }
  }

  #grow(): void {
    this.#prompt.style.height = 'auto';
    this.#prompt.style.height = `${this.#prompt.scrollHeight}px`;
  }
}

/** Adds a round's text: what was drafted and accepted is marked, the model's own token is not. */
function appendPiece(answer: HTMLElement, piece: Piece): void {
  const of = (accepted: boolean) =>
    piece.tokens
      .filter(token => token.accepted === accepted)
      .map(token => token.text)
      .join('');
  // Accepted tokens come first in every round.
  const drafted = of(true);
  const words = drafted.trimStart();
  // A tinted space in front of a word would look like a stray mark where the line breaks.
  answer.append(drafted.slice(0, drafted.length - words.length));
  if (words !== '') {
    const mark = document.createElement('mark');
    mark.textContent = words;
    answer.append(mark);
  }
  answer.append(piece.tokens.length > 0 ? of(false) : piece.text);
}

function note(answer: HTMLElement, text: string): void {
  const note = document.createElement('p');
  note.className = 'note';
  note.textContent = text;
  answer.after(note);
}
