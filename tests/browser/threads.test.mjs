// Threads of the CPU engine in headless Chromium, on pages that may share memory with workers and on one that may not.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { ISOLATED, PACKAGE, script, start } from './harness.mjs';
import { tinyModels } from './models.mjs';
import { serve } from './server.mjs';

/** In a helper: another `team_help` than the `real` one. */
const instead = team_help => `
  const { get } = Object.getOwnPropertyDescriptor(WebAssembly.Instance.prototype, 'exports');
  const exports = function () {
    const real = get.call(this);
    return { ...real, team_help: ${team_help} };
  };
  Object.defineProperty(WebAssembly.Instance.prototype, 'exports', { get: exports });`;

/** How a page gets an engine whose helpers are not as they should be: the package at another path, with this in them. */
const SPOILED = {
  // Tells the page that it is there, by a lock, which goes with it.
  spied: '',
  // Joins a job and fails in the middle of it.
  trapped: `
    let words;
    self.addEventListener('message', ({ data }) => (words ??= new Int32Array(data.memory.buffer)));
    ${instead(`() => {
      const state = real.team_state() >>> 2;
      for (;;) {
        const [open, now] = [0x100, Atomics.load(words, state)];
        if (now & open && Atomics.compareExchange(words, state, now, now + 1) === now) {
          throw new WebAssembly.RuntimeError('a trap of the test');
        }
      }
    }`)}`,
  // Takes itself for a member that the team does not have: attention has no scratch for that, and panics.
  panicked: instead('(_, slept, seen) => real.team_help(60, slept, seen)'),
};
for (const name in SPOILED) {
  SPOILED[name] += `navigator.locks.request('helper ' + Math.random(), () => new Promise(() => {}));`;
}

let models;
let session;
let page;
/** The engines that were fetched since the test began. */
let fetched;
/** How many helpers of `/late` have been asked for. */
let late = 0;

before(async () => {
  models = tinyModels();
  const mounts = { '/models': models, '/late': PACKAGE };
  const routes = {
    ...engines(),
    // The first one never says that it is ready.
    '/late/thread-worker.js': (request, response) =>
      script(late++ > 0 ? `import '/paceline/thread-worker.js';` : '')(request, response),
  };
  for (const [name, text] of Object.entries(SPOILED)) {
    mounts[`/${name}`] = PACKAGE;
    routes[`/${name}/spoil.js`] = script(text);
    routes[`/${name}/thread-worker.js`] = script(
      `import '/${name}/spoil.js'; import '/paceline/thread-worker.js';`,
    );
  }
  session = await start({ mounts, routes, headers: ISOLATED });
});

after(() => session?.stop());

/** Routes of the package's engines, which note that they were fetched. */
function engines() {
  const names = ['paceline_bg.wasm', 'paceline_threads_bg.wasm'];
  const route = name => (_, response) => {
    fetched.push(name);
    response.writeHead(200, { 'Content-Type': 'application/wasm' }).end(readFileSync(join(PACKAGE, name)));
  };
  return Object.fromEntries(names.map(name => [`/paceline/${name}`, route(name)]));
}

/** What a page has besides the package. */
function prepare() {
  window.load = options =>
    paceline.Paceline.load({
      target: '/models/target.gguf',
      draft: '/models/draft.gguf',
      device: 'cpu',
      ...options,
    });
  window.say = async (engine, options) => {
    const logprobs = [];
    const run = engine.generate('the lore the lore the '.repeat(4), {
      maxTokens: 24,
      logprobs: true,
      ...options,
    });
    for await (const { tokens } of run) {
      logprobs.push(...tokens.map(token => token.logprob));
    }
    const { tokenIds } = await run.result;
    return { tokenIds, logprobs };
  };
  /** Makes engines of the package as it is at `/name`. */
  window.from = name => () => new Worker(`/${name}/worker.js`, { type: 'module' });
  /** Waits until there are so many helpers (see `spied`). */
  window.helpers = async count => {
    const until = performance.now() + 5000;
    for (;;) {
      const { held } = await navigator.locks.query();
      const there = held.filter(({ name }) => name.startsWith('helper')).length;
      if (there === count || performance.now() > until) {
        return there;
      }
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  };
}

beforeEach(async () => {
  fetched = [];
  page = await session.open(prepare);
});

afterEach(() => page.close());

test('text and probabilities are the same bit by bit whatever the number of threads', async () => {
  const greedy = ['none', 'model', 'ngram+model'].map(drafter => ({ drafter, gamma: 4 }));
  const seeded = greedy.flatMap(options =>
    ['token', 'block'].map(verify => ({ ...options, verify, temperature: 0.9, topK: 50, seed: 7 })),
  );
  const outcomes = await page.evaluate(
    async all => {
      const outcomes = [];
      for (const threads of [1, 2, 3]) {
        const engine = await load({ threads });
        const said = [];
        for (const options of all) {
          said.push(await say(engine, options));
        }
        outcomes.push({ threads: engine.info.threads, said });
        engine.dispose();
      }
      return outcomes;
    },
    [...greedy, ...seeded],
  );
  assert.deepEqual(
    outcomes.map(({ threads }) => threads),
    [1, 2, 3],
  );
  const [{ said: alone }, ...teams] = outcomes;
  for (const { tokenIds, logprobs } of alone) {
    assert.ok(tokenIds.length > 8 && logprobs.every(Number.isFinite), `${tokenIds}`);
  }
  assert.deepEqual(alone[1].tokenIds, alone[0].tokenIds);
  teams.forEach(({ threads, said }) => assert.deepEqual(said, alone, `${threads} threads`));
  assert.deepEqual(fetched, ['paceline_bg.wasm', 'paceline_threads_bg.wasm', 'paceline_threads_bg.wasm']);
});

test('by default there are as many as the machine has cores for, sessions share them', async () => {
  const { threads, isolated, said } = await page.evaluate(async () => {
    const engine = await load({ device: 'auto' });
    const other = await engine.session();
    const said = await Promise.all([say(engine), say(other)]);
    return { threads: engine.info.threads, isolated: crossOriginIsolated, said };
  });
  assert.ok(isolated);
  const cores = availableParallelism();
  assert.equal(threads, Math.min(8, cores > 2 ? cores - 1 : cores));
  assert.deepEqual(said[1], said[0]);
});

test('a GPU has the engine without them', async () => {
  const info = await page.evaluate(async () => {
    const engine = await load({ draft: undefined, device: 'webgpu', threads: 2 });
    engine.dispose();
    return engine.info;
  });
  assert.deepEqual([info.device, info.threads, fetched], ['webgpu', 0, ['paceline_bg.wasm']]);
});

test('a page that is not isolated has one thread', async () => {
  const server = await serve({ '/paceline': PACKAGE, '/models': models }, engines());
  try {
    await page.goto(server.url);
    await page.evaluate(async () => (window.paceline = await import('/paceline/index.js')));
    await page.evaluate(prepare);
    const outcome = await page.evaluate(async () => {
      const engine = await load({ threads: 2 });
      return { isolated: crossOriginIsolated, threads: engine.info.threads, said: await say(engine) };
    });
    assert.deepEqual([outcome.isolated, outcome.threads], [false, 1]);
    assert.equal(outcome.said.tokenIds.length, 24);
    assert.deepEqual(fetched, ['paceline_bg.wasm']);
  } finally {
    await server.close();
  }
});

test('a helper that does not come is left out', async () => {
  const { threads, ids, alone } = await page.evaluate(async () => {
    const engine = await load({ threads: 3, worker: from('late') });
    const { threads } = engine.info;
    const { tokenIds: ids } = await say(engine);
    const { tokenIds: alone } = await say(await load({ threads: 1 }));
    return { threads, ids, alone };
  });
  assert.equal(threads, 2);
  assert.deepEqual(ids, alone);
});

test('a helper has no part in the allocator of the engine', async () => {
  const { initSync } = await import(join(PACKAGE, 'paceline.js'));
  const module = new WebAssembly.Module(readFileSync(join(PACKAGE, 'paceline_threads_bg.wasm')));
  const memory = new WebAssembly.Memory({ initial: 33, maximum: 65536, shared: true });
  const engine = initSync({ module, memory });
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === 'memory' ? memory : () => assert.fail(name);
  }
  const { exports: helper } = new WebAssembly.Instance(module, imports);
  helper.__stack_pointer.value = engine.team_stack();
  const allocate = ({ __wbindgen_malloc }) => __wbindgen_malloc(1000, 8);
  // What the engine allocates lies beyond the memory that there was at first.
  const first = allocate(engine);
  assert.ok(first >= 33 * 65536, `${first}`);
  const scraps = [allocate(helper), allocate(helper)];
  assert.ok(scraps[0] < scraps[1] && scraps[1] < 33 * 65536, `${scraps}`);
  assert.throws(() => Array.from({ length: 20 }, () => allocate(helper)), WebAssembly.RuntimeError);
  assert.ok(allocate(engine) > first);
});

describe('helpers end', () => {
  test('with their engine', async () => {
    const counts = await page.evaluate(async () => {
      const engine = await load({ threads: 3, worker: from('spied') });
      await say(engine);
      const counts = [await helpers(2)];
      const run = engine.generate('the lore', { maxTokens: 400 });
      for await (const _ of run) {
        engine.dispose();
        break;
      }
      await rejection(run.result);
      return [...counts, await helpers(0)];
    });
    assert.deepEqual(counts, [2, 0]);
  });

  test('with a load that is aborted or fails', async () => {
    const outcome = await page.evaluate(async () => {
      const stop = new AbortController();
      const never = new ReadableStream();
      const signal = stop.signal;
      const loading = rejection(load({ target: never, threads: 3, worker: from('spied'), signal }));
      const counts = [await helpers(2)];
      stop.abort();
      const errors = [await loading];
      counts.push(await helpers(0));
      errors.push(await rejection(load({ target: '/missing.gguf', threads: 3, worker: from('spied') })));
      return { errors, counts: [...counts, await helpers(0)] };
    });
    assert.deepEqual(
      outcome.errors.map(({ name, code }) => (typeof code === 'string' ? code : name)),
      ['AbortError', 'source-http'],
    );
    assert.deepEqual(outcome.counts, [2, 0, 0]);
  });

  for (const [name, why] of [
    ['trapped', /a helper's part panicked/],
    ['panicked', /panicked at src\/cpu\/.*\d+\.\.\d+ of \d+/s],
  ]) {
    test(`with one of them that ${name}, which is a crash`, async () => {
      const outcome = await page.evaluate(async name => {
        const names = [name, 'paceline'];
        const engine = await load({ threads: 3, worker: () => from(names.shift())() });
        // Helpers need not come to every job.
        let error;
        for (let text = 0; text < 50 && !error; text++) {
          error = await rejection(engine.generate(`${text} lore `.repeat(20), { maxTokens: 2 }).result);
        }
        const errors = [error, await rejection(say(engine))];
        const left = await helpers(0);
        await engine.recover();
        const { tokenIds } = await say(engine);
        return { errors, left, threads: engine.info.threads, tokens: tokenIds.length };
      }, name);
      assert.deepEqual(
        outcome.errors.map(error => error?.code),
        ['engine-crashed', 'engine-crashed'],
      );
      assert.match(outcome.errors[0].message, why);
      assert.deepEqual([outcome.left, outcome.threads, outcome.tokens], [0, 3, 24]);
    });
  }
});
