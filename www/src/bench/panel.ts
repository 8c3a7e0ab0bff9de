/** The card that measures, and what comes out. */

import type { MemoryInfo, Paceline } from 'paceline';
import { lossOf, type Host } from '../engine/host';
import { announce } from '../ui/announce';
import { build, element } from '../ui/build';
import { copyFrom } from '../ui/copy';
import { rate, seconds } from '../ui/format';
import { isAbort, Problem } from '../ui/problem';
import type { Chart } from './chart';
import { measure, type Measured, type Step } from './measure';
import { waysOf, type Extent, type Way } from './plan';
import type { Query } from './query';
import {
  cellsOf,
  HEADS,
  machineOf,
  markdownOf,
  memoryOf,
  READING_HEADS,
  readingCells,
  reportOf,
  type Report,
} from './report';
import { readingRows, rowsOf } from './rows';
import { fillTable } from './table';

interface Parts {
  machine: HTMLElement;
  form: HTMLFormElement;
  tokens: HTMLInputElement;
  rounds: HTMLInputElement;
  start: HTMLButtonElement;
  running: HTMLElement;
  step: HTMLElement;
  left: HTMLElement;
  bar: HTMLProgressElement;
  stop: HTMLButtonElement;
  results: HTMLElement;
  summary: HTMLElement;
  chart: HTMLElement;
  rows: HTMLTableElement;
  readings: HTMLTableElement;
  facts: HTMLElement;
  json: HTMLButtonElement;
  markdown: HTMLButtonElement;
  copied: HTMLElement;
}

const WIDE = ['Range', 'Accepted', 'Draft ms', 'Verify ms', 'Round ms', 'Text'];

export class Panel {
  readonly root: HTMLElement;
  readonly #host: Host;
  readonly #query: Query;
  readonly #parts: Parts;
  readonly #problem = new Problem();
  #controller: AbortController | undefined;
  #report: Report | undefined;

  constructor(host: Host, query: Query) {
    const { root, parts } = build<Parts>(`
      <div class="measuring" hidden>
        <section class="card" aria-labelledby="measure-title">
          <h2 id="measure-title">Measure</h2>
          <p class="hint" id="machine" data-part="machine"></p>
          <form data-part="form">
            <div class="pair">
              <div class="field">
                <label class="label" for="tokens">Tokens an answer</label>
                <input id="tokens" type="number" min="8" max="512" value="64" required data-part="tokens" />
              </div>
              <div class="field">
                <label class="label" for="rounds">Rounds</label>
                <input id="rounds" type="number" min="1" max="30" value="3" required data-part="rounds" />
              </div>
            </div>
            <div class="actions">
              <button class="primary" id="measure" type="submit" data-part="start">Measure</button>
              <p class="hint">
                In every round all ways to decode take turns on one prompt. Leave the page in front, and the machine alone.
              </p>
            </div>
          </form>
          <div class="running" data-part="running" hidden>
            <div class="progress">
              <div class="line">
                <span id="step" data-part="step"></span><span data-part="left"></span>
              </div>
              <progress id="measuring" aria-labelledby="step" max="1" data-part="bar"></progress>
            </div>
            <button id="stop" type="button" data-part="stop">Stop</button>
          </div>
        </section>
        <section class="card" id="results" aria-labelledby="results-title" data-part="results" hidden>
          <h2 id="results-title">Results</h2>
          <p id="summary" data-part="summary"></p>
          <div data-part="chart"></div>
          <div class="scrolls" tabindex="0" role="region" aria-label="Figures of every way to decode">
            <table id="rows" data-part="rows"></table>
          </div>
          <div class="pair">
            <div>
              <h3>Reading a prompt</h3>
              <table id="readings" data-part="readings"></table>
            </div>
            <div>
              <h3>Memory and load</h3>
              <dl class="facts" id="facts" data-part="facts"></dl>
            </div>
          </div>
          <div class="actions">
            <button type="button" class="quiet" id="copy-markdown" data-part="markdown">Copy as Markdown</button>
            <button type="button" class="quiet" id="copy-json" data-part="json">Copy as JSON</button>
          </div>
          <pre id="copied" tabindex="0" aria-label="What was copied" data-part="copied" hidden></pre>
        </section>
      </div>`);
    [this.root, this.#parts, this.#host, this.#query] = [root, parts, host, query];
    parts.running.before(this.#problem.root);
    parts.tokens.value = `${query.extent.tokens ?? parts.tokens.value}`;
    parts.rounds.value = `${query.extent.rounds ?? parts.rounds.value}`;
    parts.form.addEventListener('submit', event => {
      event.preventDefault();
      this.#try();
    });
    parts.stop.addEventListener('click', () => this.#controller?.abort());
    this.#copies(parts.json, report => JSON.stringify(report, null, 2));
    this.#copies(parts.markdown, markdownOf);
    host.loaded.watch(loaded => {
      this.#controller?.abort();
      root.hidden = !loaded;
      parts.results.hidden = true;
      this.#report = undefined;
      this.#problem.clear();
      parts.machine.textContent = loaded ? machineOf({ engine: loaded.engine.info }) : '';
    });
  }

  /**
   * Measures what is loaded.
   *
   * @throws what went wrong, which is then shown too
   */
  async run(): Promise<Report> {
    const loaded = this.#host.loaded.value;
    if (!loaded || this.#controller) {
      throw new Error('there is nothing to measure, or it is being measured');
    }
    const { engine, loadMs } = loaded;
    const extent: Extent = {
      tokens: this.#parts.tokens.valueAsNumber,
      rounds: this.#parts.rounds.valueAsNumber,
    };
    const ways = waysOf(engine.info).filter(({ name }) => this.#query.only?.includes(name) ?? true);
    const controller = (this.#controller = new AbortController());
    const measured: Measured = { samples: [], readings: [] };
    this.#busy(true);
    let stopped = false;
    try {
      const chart = await this.#chart(engine, ways);
      const began = performance.now();
      const show = (memory?: MemoryInfo) => {
        const report = reportOf(engine.info, {
          date: new Date().toISOString(),
          browser: navigator.userAgent,
          extent,
          stopped,
          loadMs,
          rows: rowsOf(ways, measured),
          readings: readingRows(measured.readings),
          memory,
        });
        this.#show(report, chart);
        return report;
      };
      const onStep = (step: Step) => {
        this.#step(step, began);
        show();
      };
      try {
        await measure(engine, ways, extent, measured, onStep, controller.signal);
      } catch (reason) {
        if (!isAbort(reason)) {
          throw reason;
        }
        stopped = true;
      }
      const report = show(await engine.memory());
      announce(stopped ? 'Stopped; what was measured stays' : 'Measured');
      return report;
    } catch (reason) {
      const loss = lossOf(reason);
      const again = async () => {
        await (loss === undefined ? undefined : this.#host.recover());
        this.#try();
      };
      this.#problem.show(loss ?? reason, {
        label: 'Try again',
        act: () => void again().catch(reason => this.#problem.show(reason)),
      });
      throw reason;
    } finally {
      this.#controller = undefined;
      this.#busy(false);
    }
  }

  /** Measures; what goes wrong is shown. */
  #try(): void {
    this.run().catch(() => {});
  }

  async #chart(engine: Paceline, ways: readonly Way[]): Promise<Chart> {
    const { Chart } = await import('./chart');
    const drafters = [...new Set(ways.flatMap(({ drafter }) => drafter ?? []))];
    const gammas = ways.flatMap(({ gamma }) => (typeof gamma === 'number' ? [gamma] : []));
    const chart = new Chart(drafters, Math.max(1, ...gammas));
    this.#parts.chart.replaceChildren(chart.root);
    this.#parts.machine.textContent = machineOf({ engine: engine.info });
    return chart;
  }

  #step({ done, total, what }: Step, began: number): void {
    const { step, left, bar } = this.#parts;
    step.textContent = what;
    bar.value = done / total;
    const seconds = done > 2 ? ((performance.now() - began) / done) * (total - done) * 1e-3 : undefined;
    left.textContent = seconds === undefined ? '' : `about ${span(seconds)} left`;
  }

  #show(report: Report, chart: Chart): void {
    const { results, summary, rows, readings, facts } = this.#parts;
    this.#report = report;
    results.hidden = report.rows.length === 0;
    chart.show(report.rows);
    summary.textContent = summaryOf(report);
    fillTable(rows, HEADS, report.rows.map(cellsOf), WIDE);
    fillTable(readings, READING_HEADS, report.readings.map(readingCells));
    const { loadMs } = report;
    const known = [
      ...memoryOf(report.memory),
      ...(loadMs === undefined ? [] : [['Loaded in', seconds(loadMs)] as const]),
    ];
    facts.replaceChildren(...known.flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
  }

  #copies(button: HTMLButtonElement, textOf: (report: Report) => string): void {
    button.addEventListener('click', () => {
      const { copied } = this.#parts;
      copied.textContent = this.#report ? textOf(this.#report) : '';
      copied.hidden = false;
      void copyFrom(copied, button);
    });
  }

  #busy(busy: boolean): void {
    const { form, running, start, stop } = this.#parts;
    const refocus = this.root.contains(document.activeElement);
    form.hidden = busy;
    running.hidden = !busy;
    document.body.toggleAttribute('data-measuring', busy);
    if (busy) {
      this.#problem.clear();
      this.#parts.results.hidden = true;
      this.#parts.copied.hidden = true;
      announce('Measuring');
    }
    if (refocus) {
      (busy ? stop : start).focus();
    }
  }
}

/** The outcome in a sentence. */
function summaryOf({ rows, stopped }: Report): string {
  const plain = rows.find(({ name }) => name === 'plain');
  const best = rows.reduce<(typeof rows)[number] | undefined>(
    (best, row) => ((row.speed?.mean ?? 0) > (best?.speed?.mean ?? 0) ? row : best),
    undefined,
  );
  const differing = rows.filter(({ same }) => !same).map(({ name }) => name);
  return [
    plain && `Plain decoding makes ${rate(plain.tokensPerSecond)} tokens a second.`,
    best?.speed &&
      best !== plain &&
      `The fastest way, ${best.name}, is ${best.speed.mean.toFixed(2)} times as fast.`,
    differing.length > 0 &&
      `The text differs with ${differing.join(', ')}: that should never happen, please report it.`,
    stopped && 'It was stopped before the end.',
  ]
    .filter(Boolean)
    .join(' ');
}

/** `2 min`, `40 s`. */
function span(seconds: number): string {
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.ceil(seconds)} s`;
}
