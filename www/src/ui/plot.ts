/** A plot of curves over whole numbers, such as tokens. */

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { build, element } from './build';
import { colour, onSchemeChange } from './colour';

/** A value for each whole number from 0, `null` where there is none. */
export type Curve = (number | null)[];

/** One curve's name and look. */
export interface Line {
  label: string;
  colour: `--${string}`;
  dashed?: boolean;
}

/** What a plot shows. */
export interface PlotOptions {
  title: string;
  lines: Line[];
  /** The top of the vertical axis, where it is fixed. */
  top?: number;
  /** The least right end of the horizontal axis. */
  right: number;
  /** Whether values are marked. */
  marks?: boolean;
  text: (value: number) => string;
}

interface Parts {
  title: HTMLElement;
  keys: HTMLElement;
  canvas: HTMLElement;
}

const HEIGHT = 170;

/** Steps of the horizontal axis. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export class Plot {
  readonly root: HTMLElement;
  readonly #canvas: HTMLElement;
  readonly #options: PlotOptions;
  readonly #plot: uPlot;
  #waiting: Curve[] | undefined;

  constructor(options: PlotOptions) {
    const { root, parts } = build<Parts>(`
      <figure class="plot">
        <figcaption><span data-part="title"></span><span class="keys" data-part="keys"></span></figcaption>
        <div class="plot-canvas" data-part="canvas" role="img"></div>
      </figure>`);
    [this.root, this.#canvas, this.#options] = [root, parts.canvas, options];
    parts.title.textContent = options.title;
    parts.keys.append(
      ...options.lines.map(line => {
        const key = element('span', line.label, line.dashed ? 'key dashed' : 'key');
        key.style.setProperty('--key', `var(${line.colour})`);
        return key;
      }),
    );
    this.describe('nothing yet');
    this.#plot = new uPlot(this.#look(), [[], ...options.lines.map(() => [])], parts.canvas);
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0) {
        this.#plot.setSize({ width, height: HEIGHT });
      }
    }).observe(parts.canvas);
    onSchemeChange(() => this.#plot.redraw());
  }

  /** Shows curves, at the next frame. */
  show(curves: Curve[]): void {
    if (!this.#waiting) {
      requestAnimationFrame(() => {
        const shown = this.#waiting ?? [];
        this.#waiting = undefined;
        const length = Math.max(0, ...shown.map(curve => curve.length));
        const padded = shown.map(curve => [...curve, ...Array<null>(length - curve.length).fill(null)]);
        this.#plot.setData([Array.from({ length }, (_, i) => i), ...padded]);
      });
    }
    this.#waiting = curves;
  }

  /** Says in words what the plot shows. */
  describe(summary: string): void {
    this.#canvas.setAttribute('aria-label', `${this.#options.title}: ${summary}`);
  }

  #look(): uPlot.Options {
    const { lines, top, right, marks, text } = this.#options;
    const axis = {
      stroke: () => colour('--soft'),
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    return {
      width: 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_, __, max) => [0, Math.max(max ?? 0, right)] },
        y: { range: (_, __, max) => [0, top ?? Math.max((max ?? 0) * 1.1, 1)] },
      },
      axes: [
        { ...axis, size: 28, space: 60, incrs: WHOLE },
        { ...axis, size: 46, space: 40, values: (_, values) => values.map(text) },
      ],
      series: [
        {},
        ...lines.map(line => ({
          label: line.label,
          stroke: () => colour(line.colour),
          width: 2,
          spanGaps: true,
          points: marks && !line.dashed ? { size: 8, fill: () => colour(line.colour) } : { show: false },
          ...(line.dashed ? { dash: [5, 4] } : {}),
        })),
      ],
    };
  }
}
