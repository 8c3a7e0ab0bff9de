/** What the side panel shows: statistics of the answer, and what the engine runs on. */

import type { EngineInfo, MemoryInfo, Stats } from 'paceline';
import { byId, megabytes } from './dom';

/** Shows the statistics so far, or none. */
export function showStats(stats?: Stats): void {
  const set = (id: string, text: string | undefined) => (byId(id).textContent = text ?? '–');
  set('speed', stats && stats.tokens > 0 ? stats.tokensPerSecond.toFixed(1) : undefined);
  set('acceptance', stats?.alphaEmp === undefined ? undefined : percent(stats.alphaEmp));
  set('expected', stats?.alphaTf === undefined ? undefined : percent(stats.alphaTf));
  set('efficiency', stats && stats.targetPasses > 0 ? stats.blockEfficiency.toFixed(2) : undefined);
  set('host', stats && stats.rounds > 0 ? `${(stats.hostMs / stats.rounds).toFixed(2)} ms` : undefined);
  set('tokens', stats && `${stats.tokens}`);
  set('prefill', stats && `${(stats.prefillMs / 1000).toFixed(2)} s`);
  byId('paused').hidden = stats?.paused === undefined;
  byId('paused').textContent = stats?.paused === undefined ? '' : pause(stats.paused);
  byId('strip').textContent = stats && stats.tokens > 0 ? inALine(stats) : '';
}

/** Shows what the engine is. */
export function showDevice(info: EngineInfo, memory: MemoryInfo): void {
  const { target, draft } = info;
  const rows: [string, string | undefined][] = [
    ['Runs on', info.device === 'webgpu' ? 'WebGPU' : 'CPU'],
    ['Adapter', info.adapter + (info.software ? ' (software)' : '')],
    ['Why not WebGPU', info.fallback],
    ['Kernels', info.variant],
    ['Model', `${target.name || target.architecture}, ${target.layers} layers of ${target.width}`],
    ['Draft', draft && `${draft.name || draft.architecture}, ${draft.layers} layers of ${draft.width}`],
    ['Context', `${info.capacity} tokens`],
    ['Wasm memory', megabytes(memory.wasm)],
    ['Version', info.version],
  ];
  byId('facts').replaceChildren(
    ...rows.flatMap(([name, value]) => {
      if (!value) {
        return [];
      }
      const [term, detail] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      detail.textContent = value;
      return [term, detail];
    }),
  );
}

function inALine({ tokensPerSecond, blockEfficiency, alphaEmp, paused }: Stats): string {
  const parts = [`${tokensPerSecond.toFixed(1)} tokens/s`, `${blockEfficiency.toFixed(2)} a pass`];
  if (paused !== undefined) {
    parts.push('speculation paused');
  } else if (alphaEmp !== undefined) {
    parts.push(`${percent(alphaEmp)} accepted`);
  }
  return parts.join(' · ');
}

function pause(promise: number): string {
  return `Speculation paused: it promises ${promise.toFixed(2)} times the plain speed. It is tried again now and then.`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
