/** The chat view: a conversation with the engine. */

import type { ChatMessage, Paceline, Result, Run } from 'paceline';
import { answer } from '../engine/answer';
import { lossOf, type Host } from '../engine/host';
import { choices, optionsOf } from '../settings/choices';
import { announce } from '../ui/announce';
import { build, element } from '../ui/build';
import { isAbort, Problem } from '../ui/problem';
import { Composer } from './composer';
import { Figures } from './figures';
import { legend } from './legend';
import { appendPiece } from './transcript';

const EXAMPLES = [
  'Why is the sky blue?',
  'Write a nursery rhyme with a refrain.',
  'Write a Python class for a bank account.',
];

const ENDS: Partial<Record<Result['finishReason'], string>> = {
  length: 'Cut at the longest answer set.',
  context: 'The context is full: begin a new chat.',
};

interface Parts {
  log: HTMLElement;
  welcome: HTMLElement;
  examples: HTMLElement;
  bar: HTMLElement;
  clear: HTMLButtonElement;
}

/** A conversation with one engine at a time. */
export class Chat {
  readonly root: HTMLElement;
  readonly #host: Host;
  readonly #parts: Parts;
  readonly #composer: Composer;
  readonly #figures = new Figures();
  readonly #problem = new Problem();
  readonly #reload: () => void;
  #engine: Paceline | undefined;
  #messages: ChatMessage[] = [];
  #controller: AbortController | undefined;

  /** `reload` loads what was loaded again, after a crash. */
  constructor(host: Host, reload: () => void) {
    const { root, parts } = build<Parts>(`
      <section class="view chat" id="view-chat" data-for="chat" aria-label="Chat">
        <div class="log" id="log" data-part="log" role="log" aria-live="off" tabindex="0" aria-label="Conversation">
          <div class="welcome" data-part="welcome">
            <h2>Ask something</h2>
            <p>The draft runs ahead and the model checks it: the text is the same either way, only sooner.</p>
            <ul class="examples" data-part="examples" aria-label="Examples"></ul>
          </div>
        </div>
        <div class="bar" data-part="bar">
          <button type="button" class="quiet" id="new-chat" data-part="clear">New chat</button>
        </div>
      </section>`);
    [this.root, this.#parts, this.#host, this.#reload] = [root, parts, host, reload];
    this.#composer = new Composer(
      text => void this.#send(text),
      () => this.#controller?.abort(),
    );
    parts.bar.prepend(legend(parts.log));
    parts.bar.before(this.#problem.root, this.#figures.root);
    root.append(this.#composer.root);
    parts.examples.append(...EXAMPLES.map(text => this.#example(text)));
    parts.clear.addEventListener('click', () => this.clear());
    host.loaded.watch(loaded => this.#begin(loaded?.engine));
  }

  /** A conversation goes on with its engine alone, even where that had to be brought back. */
  #begin(engine: Paceline | undefined): void {
    if (engine !== this.#engine) {
      this.#engine = engine;
      this.clear();
    }
  }

  /** Forgets the conversation. */
  clear(): void {
    this.#controller?.abort();
    this.#messages = [];
    this.#parts.log.replaceChildren(this.#parts.welcome);
    this.#problem.clear();
    this.#figures.show();
    this.#composer.focus();
  }

  async #send(text: string): Promise<void> {
    const engine = this.#engine;
    const content = text.trim();
    if (!engine || this.#controller || content === '') {
      return;
    }
    if (this.#host.busy.value) {
      this.#problem.show('A race is on, and measures: wait for its end, or stop it.');
      return;
    }
    this.#host.busy.value = 'chat';
    const controller = (this.#controller = new AbortController());
    this.#composer.text = '';
    this.#composer.busy = true;
    this.#problem.clear();
    this.#parts.welcome.remove();

    const messages: ChatMessage[] = [...this.#messages, { role: 'user', content }];
    const question = this.#bubble('user', content);
    const reply = this.#bubble('assistant');
    let written = '';
    try {
      const run = answer(engine, engine.info, messages, {
        ...optionsOf(choices.value),
        signal: controller.signal,
        onPrefill: (done, total) => (reply.dataset.reading = `Reading ${done} of ${total} tokens…`),
      });
      written = await this.#stream(run, reply);
      const { finishReason } = await run.result;
      const end = ENDS[finishReason];
      if (end) {
        reply.after(element('p', end, 'note'));
      }
      announce(`Answer: ${written}`);
    } catch (error) {
      written = reply.textContent ?? '';
      if (isAbort(error)) {
        announce('Stopped');
      } else {
        const loss = lossOf(error);
        this.#problem.show(loss ?? error, ...(loss ? [{ label: 'Load again', act: this.#reload }] : []));
      }
    } finally {
      this.#host.busy.value = undefined;
      reply.removeAttribute('aria-busy');
      delete reply.dataset.reading;
      if (this.#controller === controller) {
        this.#controller = undefined;
        this.#composer.busy = false;
      }
    }
    if (!question.isConnected) {
      return; // The chat was cleared meanwhile.
    }
    if (written === '') {
      // Nothing came: the question goes back to where it can be changed.
      question.remove();
      reply.remove();
      this.#composer.text ||= content;
    } else {
      this.#messages = [...messages, { role: 'assistant', content: written }];
    }
  }

  /** Shows an answer as it comes, and gives its text. */
  async #stream(run: Run, reply: HTMLElement): Promise<string> {
    const { log } = this.#parts;
    let written = '';
    for await (const piece of run) {
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      written += piece.text;
      delete reply.dataset.reading;
      appendPiece(reply, piece);
      this.#figures.show(piece.stats);
      if (atEnd) {
        log.scrollTop = log.scrollHeight;
      }
    }
    return written;
  }

  #bubble(role: 'user' | 'assistant', text = ''): HTMLElement {
    const { log } = this.#parts;
    const bubble = element('article', text, `bubble ${role}`);
    bubble.setAttribute('aria-label', role === 'user' ? 'You' : 'Model');
    if (role === 'assistant') {
      bubble.setAttribute('aria-busy', 'true');
    }
    log.append(bubble);
    log.scrollTop = log.scrollHeight;
    return bubble;
  }

  #example(text: string): HTMLElement {
    const item = element('li');
    const button = element('button', text, 'quiet');
    button.type = 'button';
    button.addEventListener('click', () => void this.#send(text));
    item.append(button);
    return item;
  }
}
