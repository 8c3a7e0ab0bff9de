/** The race view: one prompt, two sessions, with and without speculation. */

import type { EngineInfo, GenerateOptions, Paceline, Session } from 'paceline';
import { lossOf, type Host } from '../engine/host';
import { choices, defaultOf, optionsOf, PLAIN, type Choices } from '../settings/choices';
import { announce } from '../ui/announce';
import { build, element } from '../ui/build';
import { rate } from '../ui/format';
import { isAbort, Problem } from '../ui/problem';
import { Board } from './board';
import { Curves } from './curves';
import { runHeat, type Heat } from './heat';
import { Lane, type LaneName } from './lane';
import type { Plots } from './plots';
import { replay } from './replay';
import { judge, ratioText } from './verdict';

const EXAMPLES = {
  'A refrain': 'Write a nursery rhyme with a refrain.',
  'A summary':
    'Repeat this text, then say it in one sentence: The tide comes in twice a day and goes out twice a day. When the tide comes in, the boats float. When the tide goes out, the boats lie on the sand.',
  'A question': 'Why is the sky blue?',
};

const NAMES: Record<LaneName, string> = { speculative: 'Speculative', plain: 'Plain' };

/** Two sessions share one device, so they take turns: how, depends on what their clocks can tell apart. */
const TURNS: Record<EngineInfo['device'], string> = {
  cpu: 'The two take turns, round by round, and the clock of each runs in its own rounds alone. Both warm up before it counts; reading the prompt does not count.',
  webgpu:
    'The two take turns, one after the other, since both would share one GPU; who goes first changes with every race. Both warm up before it counts; reading the prompt does not count.',
};

interface Parts {
  form: HTMLFormElement;
  prompt: HTMLTextAreaElement;
  start: HTMLButtonElement;
  stop: HTMLButtonElement;
  again: HTMLButtonElement;
  examples: HTMLElement;
  lanes: HTMLElement;
  plots: HTMLElement;
  outcome: HTMLElement;
  turns: HTMLElement;
}

export class Race {
  readonly root: HTMLElement;
  readonly #host: Host;
  readonly #parts: Parts;
  readonly #lanes: Record<LaneName, Lane>;
  readonly #board = new Board();
  readonly #problem = new Problem();
  readonly #reload: () => void;
  #plots: Plots | undefined;
  #controller: AbortController | undefined;
  #heats: Record<LaneName, Heat> | undefined;
  /** Who runs first: it changes with every race, so that neither has the warmer or the cooler machine for good. */
  #order: [LaneName, LaneName] = ['plain', 'speculative'];

  /** `reload` loads what was loaded again, after a crash. */
  constructor(host: Host, reload: () => void) {
    const { root, parts } = build<Parts>(`
      <section class="view race" id="view-race" data-for="race" aria-label="Race">
        <form class="race-form" data-part="form">
          <div class="race-line over">
            <label for="race-prompt">One prompt, two sessions: with speculation and without</label>
            <span class="examples" data-part="examples" role="group" aria-label="Examples"></span>
          </div>
          <div class="race-line">
            <textarea id="race-prompt" rows="2" data-focus data-part="prompt"></textarea>
            <button class="primary" id="race-start" type="submit" data-part="start">Race</button>
            <button id="race-stop" type="button" data-part="stop" hidden>Stop</button>
          </div>
        </form>
        <div class="lanes" data-part="lanes"></div>
        <div class="outcome" data-part="outcome">
          <button class="quiet" id="race-replay" type="button" data-part="again" hidden>Replay</button>
        </div>
        <div class="plots" data-part="plots"></div>
        <p class="hint" data-part="turns"></p>
      </section>`);
    [this.root, this.#parts, this.#host, this.#reload] = [root, parts, host, reload];
    this.#lanes = {
      speculative: new Lane('speculative', NAMES.speculative),
      plain: new Lane('plain', NAMES.plain),
    };
    parts.lanes.append(this.#lanes.speculative.root, this.#lanes.plain.root);
    parts.lanes.before(this.#problem.root);
    parts.outcome.prepend(this.#board.root);
    parts.prompt.value = EXAMPLES['A refrain'];
    for (const [name, text] of Object.entries(EXAMPLES)) {
      const button = element('button', name, 'quiet');
      button.type = 'button';
      button.addEventListener('click', () => (parts.prompt.value = text));
      parts.examples.append(button);
    }
    parts.form.addEventListener('submit', event => {
      event.preventDefault();
      void this.#run();
    });
    parts.stop.addEventListener('click', () => this.#controller?.abort());
    parts.again.addEventListener('click', () => void this.#replay());
    host.loaded.watch(loaded => {
      this.#forget();
      parts.turns.textContent = loaded ? TURNS[loaded.engine.info.device] : '';
      if (loaded) {
        // Where it does not come, the race asks for it again, and says so.
        this.#plotsReady().catch(() => {});
      }
    });
  }

  #forget(): void {
    this.#controller?.abort();
    this.#heats = undefined;
    this.#lanes.speculative.clear();
    this.#lanes.plain.clear();
    this.#board.hide();
    this.#problem.clear();
    this.#parts.again.hidden = true;
    this.#plots?.clear();
  }

  async #run(): Promise<void> {
    const engine = this.#host.loaded.value?.engine;
    const prompt = this.#parts.prompt.value.trim();
    if (!engine || this.#controller || prompt === '') {
      return;
    }
    if (this.#host.busy.value) {
      this.#problem.show('The chat is being answered: wait for its end, or stop it, and race then.');
      return;
    }
    this.#forget();
    this.#host.busy.value = 'race';
    const controller = this.#begin();
    const options = sidesOf(choices.value, engine);
    const sessions: Session[] = [];
    try {
      const plots = await this.#plotsReady();
      const curves = { speculative: new Curves(), plain: new Curves() };
      const heats: Partial<Record<LaneName, Heat>> = {};
      const run = async (name: LaneName) => {
        const lane = this.#lanes[name];
        lane.state('warming up', true);
        const session = await engine.session();
        sessions.push(session);
        heats[name] = await runHeat(
          engine,
          session,
          [{ role: 'user', content: prompt }],
          { ...options[name], signal: controller.signal },
          step => {
            lane.state('running', true);
            lane.add(step);
            curves[name].add(step.piece.stats);
            plots.show(curves);
          },
        );
        lane.state('done');
      };
      for (const name of this.#order) {
        this.#lanes[name].clear(describe(options[name]));
        this.#lanes[name].state('waits for its turn');
      }
      announce('The race is on');
      if (engine.info.device === 'cpu') {
        await Promise.all(this.#order.map(run));
      } else {
        for (const name of this.#order) {
          await run(name);
        }
      }
      this.#heats = heats as Record<LaneName, Heat>;
      this.#judge(options.speculative);
      this.#order.reverse();
    } catch (error) {
      for (const lane of Object.values(this.#lanes)) {
        lane.state('stopped');
      }
      if (isAbort(error)) {
        announce('The race was stopped');
      } else {
        const loss = lossOf(error);
        this.#problem.show(loss ?? error, ...(loss ? [{ label: 'Load again', act: this.#reload }] : []));
      }
    } finally {
      controller.abort();
      await Promise.allSettled(sessions.map(session => session.close()));
      this.#host.busy.value = undefined;
      this.#end(controller);
    }
  }

  /** Shows the last race again, both at once. */
  async #replay(): Promise<void> {
    const heats = this.#heats;
    if (!heats || this.#controller) {
      return;
    }
    const controller = this.#begin();
    const sides = (['speculative', 'plain'] as const).map(name => ({
      lane: this.#lanes[name],
      heat: heats[name],
    }));
    for (const { lane } of sides) {
      lane.restart();
    }
    await replay(sides, controller.signal);
    for (const { lane } of sides) {
      lane.state('replayed');
    }
    this.#end(controller);
  }

  #judge(options: GenerateOptions): void {
    const heats = this.#heats;
    if (!heats) {
      return;
    }
    const lossy = options.lossy !== undefined;
    const drawn = (options.temperature ?? 0) > 0;
    const verdict = judge(heats.speculative.result, heats.plain.result, !lossy && !drawn);
    const [on, off] = [heats.speculative.result.stats, heats.plain.result.stats];
    this.#board.show(
      verdict,
      lossy
        ? `the dial lets the text stray, with a total variation of ${(on.totalVariation ?? 0).toFixed(3)}.`
        : 'both were drawn by chance from the same law; at temperature 0 they are the same.',
    );
    this.#plots?.describe(
      `${rate(on.tokensPerSecond)} with speculation, ${rate(off.tokensPerSecond)} without, ${ratioText(verdict.ratio)}`,
      on,
    );
    this.#parts.again.hidden = false;
  }

  #begin(): AbortController {
    const controller = (this.#controller = new AbortController());
    this.#parts.start.hidden = true;
    this.#parts.again.hidden = true;
    this.#parts.stop.hidden = false;
    this.#parts.stop.focus();
    return controller;
  }

  #end(controller: AbortController): void {
    if (this.#controller !== controller) {
      return;
    }
    this.#controller = undefined;
    const refocus = document.activeElement === this.#parts.stop;
    this.#parts.start.hidden = false;
    this.#parts.stop.hidden = true;
    this.#parts.again.hidden = this.#heats === undefined;
    if (refocus) {
      this.#parts.start.focus();
    }
  }

  /** The plots: their library comes once there is something to race. */
  async #plotsReady(): Promise<Plots> {
    const { Plots } = await import('./plots');
    if (!this.#plots) {
      this.#plots = new Plots();
      this.#parts.plots.replaceChildren(...this.#plots.roots);
    }
    return this.#plots;
  }
}

/** Both sides' options: the choices as they are, and the same without a drafter. */
function sidesOf(value: Choices, engine: Paceline): Record<LaneName, GenerateOptions> {
  const drafter = value.drafter === PLAIN ? defaultOf(engine.info) : value.drafter;
  return {
    speculative: optionsOf({ ...value, drafter }),
    plain: optionsOf({ ...value, drafter: PLAIN }),
  };
}

function describe({ drafter, gamma }: GenerateOptions): string {
  return drafter === undefined || drafter === PLAIN ? 'plain decoding' : `${drafter}, gamma ${gamma}`;
}
