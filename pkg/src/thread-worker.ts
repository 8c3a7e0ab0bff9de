/**
 * The entry of a helper's worker: runs kernels on an engine's memory, and nothing else (see `src/cpu/team/workers.rs`).
 * @module
 */

import type { Meeting, Post } from './engine/worker/helpers.js';

/** What a helper needs of the wasm module. */
interface Helper {
  __stack_pointer: WebAssembly.Global<'i32'>;
  team_state(): number;
  team_help(member: number, slept: number, seen: number): number;
  team_fall(): void;
}

/** The next message. */
const next = <T>() =>
  new Promise<T>(resolve =>
    self.addEventListener('message', event => resolve((event as MessageEvent<T>).data), { once: true }),
  );

async function help(): Promise<void> {
  const { module, memory } = await next<Meeting>();
  const helper = instantiate(module, memory);
  const begin = next<Post>();
  self.postMessage('ready');
  const { member, stack } = await begin;
  helper.__stack_pointer.value = stack;
  const words = new Int32Array(memory.buffer);
  const state = helper.team_state() >>> 2;
  try {
    let seen = helper.team_help(member, 0, 0);
    for (;;) {
      Atomics.wait(words, state, seen);
      seen = helper.team_help(member, 1, seen);
    }
  } catch {
    // The engine ends with the error of this, or says that there was one.
    helper.team_fall();
  }
}

/** An instance that can call nothing outside of it. The module itself has prepared the memory for the engine's instance. */
function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Helper {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const nothing = () => {
      throw new Error(`a helper called ${name}`);
    };
    (imports[from] ??= {})[name] = kind === 'memory' ? memory : nothing;
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as Helper;
}

void help();
