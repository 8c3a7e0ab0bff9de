/** A plot of curves over tokens. */

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { build, element } from '../ui/build';
import { colour, onSchemeChange } from '../ui/colour';
import type { Curve } from './curves';

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
  text: (value: number) => string;
}

interface Parts {
  title: HTMLElement;
  keys: HTMLElement;
  canvas: HTMLElement;
}

const HEIGHT = 170;

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
    const { lines, top, text } = this.#options;
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
        x: { time: false, range: (_, __, max) => [0, Math.max(max ?? 0, 16)] },
        y: { range: (_, __, max) => [0, top ?? Math.max((max ?? 0) * 1.1, 1)] },
      },
      axes: [
        { ...axis, size: 28, space: 60 },
        { ...axis, size: 46, space: 40, values: (_, values) => values.map(text) },
      ],
      series: [
        {},
        ...lines.map(line => ({
          label: line.label,
          stroke: () => colour(line.colour),
          width: 2,
          spanGaps: true,
          points: { show: false },
          ...(line.dashed ? { dash: [5, 4] } : {}),
        })),
      ],
    };
  }
}
