/** The line of figures of an answer, while it comes and after. */

import type { Stats } from 'paceline';
import { build } from '../ui/build';
import { percent, rate, seconds } from '../ui/format';

interface Parts {
  speed: HTMLElement;
  pass: HTMLElement;
  accepted: HTMLElement;
  expected: HTMLElement;
  tokens: HTMLElement;
  prompt: HTMLElement;
  variation: HTMLElement;
  lossy: HTMLElement;
  paused: HTMLElement;
}

/** What stands where there is no figure. */
const NONE = '–';

export class Figures {
  readonly root: HTMLElement;
  readonly #parts: Parts;

  constructor() {
    const { root, parts } = build<Parts>(`
      <div class="figures">
        <dl>
          <div class="main"><dt>Tokens a second</dt><dd data-part="speed"></dd></div>
          <div><dt>Tokens a pass</dt><dd data-part="pass"></dd></div>
          <div><dt>Drafts accepted</dt><dd data-part="accepted"></dd></div>
          <div><dt>Expected</dt><dd data-part="expected"></dd></div>
          <div class="wide"><dt>Tokens</dt><dd data-part="tokens"></dd></div>
          <div class="wide"><dt>Prompt read in</dt><dd data-part="prompt"></dd></div>
          <div data-part="lossy" hidden><dt>Total variation</dt><dd data-part="variation"></dd></div>
        </dl>
        <p class="hint" data-part="paused" hidden></p>
      </div>`);
    [this.root, this.#parts] = [root, parts];
    this.show();
  }

  /** Shows statistics, or that there are none. */
  show(stats?: Stats): void {
    const parts = this.#parts;
    parts.speed.textContent = stats && stats.tokens > 0 ? rate(stats.tokensPerSecond) : NONE;
    parts.pass.textContent = stats && stats.targetPasses > 0 ? stats.blockEfficiency.toFixed(2) : NONE;
    parts.accepted.textContent = stats?.alphaEmp === undefined ? NONE : percent(stats.alphaEmp);
    parts.expected.textContent = stats?.alphaTf === undefined ? NONE : percent(stats.alphaTf);
    parts.tokens.textContent = stats ? `${stats.tokens}` : NONE;
    parts.prompt.textContent = stats ? seconds(stats.prefillMs) : NONE;
    parts.lossy.hidden = stats?.totalVariation === undefined;
    parts.variation.textContent = stats?.totalVariation?.toFixed(3) ?? '';
    const paused = stats ? pauses(stats.plan) : '';
    parts.paused.hidden = paused === '';
    parts.paused.textContent = paused;
  }
}

/** What is said of the sources that are paused; nothing where none is. */
function pauses({ lookup, draft }: Stats['plan']): string {
  const told = [
    { name: 'The draft model', source: draft },
    { name: 'Looking up', source: lookup },
  ].flatMap(({ name, source }) =>
    source?.paused === undefined
      ? []
      : [
          source.paused === 'promise' && source.promise
            ? `${name} is paused: it promises ${source.promise.speed.toFixed(2)} times the plain speed.`
            : `${name} is paused: it lost more time than it may.`,
        ],
  );
  return told.length === 0 ? '' : `${told.join(' ')} It is tried again now and then.`;
}
