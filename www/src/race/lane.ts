/** One side of a race: its speed, and the text as it comes. */

import { appendPiece } from '../chat/transcript';
import { build } from '../ui/build';
import { rate, seconds } from '../ui/format';
import type { Step } from './heat';

/** Which side. */
export type LaneName = 'speculative' | 'plain';

interface Parts {
  title: HTMLElement;
  how: HTMLElement;
  state: HTMLElement;
  speed: HTMLElement;
  tokens: HTMLElement;
  time: HTMLElement;
  pass: HTMLElement;
  text: HTMLElement;
}

export class Lane {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor(name: LaneName, title: string) {
    const { root, parts } = build<Parts>(`
      <article class="lane ${name}" aria-label="${title}">
        <header><h2 data-part="title"></h2><span class="how" data-part="how"></span></header>
        <div class="line"><p class="speed"><span data-part="speed">–</span> <small>tokens/s</small></p>
        <p class="state" data-part="state"></p></div>
        <dl>
          <div><dt>Tokens</dt><dd data-part="tokens">–</dd></div>
          <div><dt>Time</dt><dd data-part="time">–</dd></div>
          <div><dt>A pass</dt><dd data-part="pass">–</dd></div>
        </dl>
        <div class="text" data-part="text" tabindex="0" role="group" aria-label="Text of ${title}"></div>
      </article>`);
    [this.root, this.#parts] = [root, parts];
    parts.title.textContent = title;
  }

  /** Forgets the last race; `how` says how this one is run. */
  clear(how = ''): void {
    const { text, speed, tokens, time, pass } = this.#parts;
    this.#parts.how.textContent = how;
    this.root.dataset.empty = '';
    text.replaceChildren();
    for (const part of [speed, tokens, time, pass]) {
      part.textContent = '–';
    }
    this.state('');
  }

  /** Empties the lane to be run again as it was. */
  restart(): void {
    this.clear(this.#parts.how.textContent ?? '');
    this.state('replaying', true);
  }

  /** Says what the lane is doing. */
  state(text: string, running = false): void {
    this.#parts.state.textContent = text;
    this.root.toggleAttribute('data-running', running);
  }

  add({ piece }: Step): void {
    const { stats } = piece;
    const { text } = this.#parts;
    delete this.root.dataset.empty;
    appendPiece(text, piece);
    text.scrollTop = text.scrollHeight;
    this.#parts.speed.textContent = rate(stats.tokensPerSecond);
    this.#parts.tokens.textContent = `${stats.tokens}`;
    this.#parts.time.textContent = seconds(stats.decodeMs);
    this.#parts.pass.textContent = stats.blockEfficiency.toFixed(2);
  }
}
