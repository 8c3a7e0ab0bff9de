/** The card that says what the engine runs on. */

import type { EngineInfo, MemoryInfo, ModelInfo } from 'paceline';
import type { Host, Loaded } from '../engine/host';
import { build, element } from '../ui/build';
import { megabytes } from '../ui/format';

/** How often the memory is looked at while the card is open, in ms. */
const LOOK_MS = 2000;

interface Parts {
  facts: HTMLElement;
}

/** Makes the card. */
export function deviceCard(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <details class="card" id="device">
      <summary><h2>Device</h2></summary>
      <dl class="facts" data-part="facts"></dl>
    </details>`);
  const show = async (loaded: Loaded | undefined) => {
    if (!loaded || loaded.engine.disposed) {
      return;
    }
    const memory = await loaded.engine.memory().catch(() => undefined);
    if (host.loaded.value === loaded) {
      parts.facts.replaceChildren(...facts(loaded.engine.info, memory));
    }
  };
  host.loaded.watch(loaded => void show(loaded));
  root.addEventListener('toggle', () => void show(host.loaded.value));
  setInterval(() => {
    if ((root as HTMLDetailsElement).open && !document.hidden) {
      void show(host.loaded.value);
    }
  }, LOOK_MS);
  return root;
}

function facts(info: EngineInfo, memory: MemoryInfo | undefined): HTMLElement[] {
  const rows: [string, string | undefined][] = [
    ['Runs on', info.device === 'webgpu' ? 'WebGPU' : 'CPU'],
    ['Adapter', info.adapter],
    ['Threads', info.threads > 0 ? `${info.threads}` : undefined],
    ['Kind', info.device === 'webgpu' ? (info.software ? 'software' : 'hardware') : undefined],
    ['Kernels', info.variant],
    ['Self-test', selfTest(info)],
    ['Why not WebGPU', info.fallback],
    ['Model', describe(info.target)],
    ['Draft', info.draft && describe(info.draft)],
    ['Beware', info.warnings.join('. ')],
    ['Context', `${info.capacity} of ${info.target.context} tokens`],
    ['Tokens ahead', `at most ${info.maxGamma}`],
    ['KV caches', memory && `${megabytes(caches(memory))} of ${info.kvCache}`],
    ['Wasm memory', memory && megabytes(memory.wasm)],
    ['Version', info.version],
  ];
  return rows.flatMap(([name, value]) => (value ? [element('dt', name), element('dd', value)] : []));
}

function caches({ target, draft }: MemoryInfo): number {
  return target.caches + (draft?.caches ?? 0);
}

function selfTest({ selfTest, device }: EngineInfo): string {
  switch (selfTest) {
    case 'passed':
      return 'passed: the GPU reckons as the CPU does, bit by bit';
    case 'failed':
      return 'failed: the GPU reckons wrong, so the CPU does it';
    default:
      return device === 'cpu' ? 'no GPU was tried' : 'not run';
  }
}

function describe({ name, architecture, layers, width, vocab }: ModelInfo): string {
  return `${name || architecture}: ${layers} layers of ${width}, ${vocab.toLocaleString('en')} token ids`;
}
