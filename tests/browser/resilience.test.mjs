// What goes wrong under an engine, in headless Chromium: devices are lost, workers die, pages abort and sleep.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { start } from './harness.mjs';
import { MODEL, tinyModels } from './models.mjs';

/** The longest that the main thread may be busy, in ms. */
const LONG_TASK_MS = 50;
/** The longest that a stored SmolLM2 may take to its first token on the CPU, in ms. */
const FIRST_TOKEN_MS = 4000;

let session;
let page;

before(async () => {
  const faults = fileURLToPath(new URL('faults.js', import.meta.url));
  session = await start({
    mounts: { '/models': tinyModels(), '/real.gguf': MODEL, '/faults.js': faults },
  });
});

after(() => session?.stop());

/** What a page has besides the package. */
function prepare() {
  window.workers = [];
  /** Makes a worker that can be spoiled (see faults.js). */
  window.faulty = (query = '') => {
    const modules = [`/faults.js?${query}`, '/paceline/worker.js'];
    const script = modules.map(path => `import ${JSON.stringify(new URL(path, location.href).href)};`);
    const url = URL.createObjectURL(new Blob(script, { type: 'text/javascript' }));
    const worker = new Worker(url, { type: 'module' });
    workers.push(worker);
    return worker;
  };
  window.fault = kind => workers.at(-1).postMessage({ fault: kind });
  /** Iterates over a run and calls `then` at its first piece. */
  window.drain = async (run, then) => {
    for await (const _ of run) {
      then?.();
      then = undefined;
    }
    return run.result;
  };
}

beforeEach(async () => {
  page = await session.open(prepare);
});

afterEach(() => page.close());

describe('a lost GPU device', () => {
  test('ends what is being generated, and the next call goes on: ten times', async () => {
    const outcome = await page.evaluate(async () => {
      const engine = await paceline.Paceline.load({
        target: '/models/target.gguf',
        device: 'webgpu',
        capacity: 64,
        worker: () => faulty(),
      });
      const say = () => engine.generate('the lore', { maxTokens: 4, drafter: 'none' }).result;
      const right = (await say()).tokenIds;
      const losses = [];
      for (let i = 0; i < 10; i++) {
        const run = engine.generate('another', { maxTokens: 400, drafter: 'none' });
        const error = await rejection(drain(run, () => fault('lose')));
        losses.push({ error, after: (await say()).tokenIds });
      }
      return { right, losses, info: engine.info, disposed: engine.disposed, workers: workers.length };
    });
    assert.equal(outcome.losses.length, 10);
    for (const { error, after } of outcome.losses) {
      assert.equal(error?.code, 'gpu-lost', JSON.stringify(error));
      assert.deepEqual(after, outcome.right);
    }
    assert.equal(outcome.info.selfTest, 'passed');
    assert.equal(outcome.disposed, false);
    assert.equal(outcome.workers, 11);
  });

  test('between two generations is not noticed, and sessions go on', async () => {
    const outcome = await page.evaluate(async () => {
      const load = options =>
        paceline.Paceline.load({ device: 'webgpu', worker: () => faulty(), ...options });
      const engine = await load({ target: '/models/target.gguf', cache: false });
      const session = await engine.session();
      const say = () =>
        Promise.all([engine, session].map(s => s.generate('the lore', { maxTokens: 8 }).result)).then(
          results => results.map(result => result.tokenIds),
        );
      const before = await say();
      fault('lose');
      const after = await say();
      fault('lose');
      await rejection(drain(engine.generate('x', { maxTokens: 1 })));
      await engine.recover();
      await session.close();
      return { before, after };
    });
    assert.deepEqual(outcome.after, outcome.before);
  });

  test('is a typed error where the model came from a stream', async () => {
    const errors = await page.evaluate(async () => {
      const engine = await paceline.Paceline.load({
        target: await fetch('/models/target.gguf'),
        device: 'webgpu',
        worker: () => faulty(),
      });
      const run = engine.generate('the lore', { maxTokens: 400 });
      return [
        await rejection(drain(run, () => fault('lose'))),
        await rejection(engine.generate('again').result),
        await rejection(engine.recover()),
      ];
    });
    assert.deepEqual(
      errors.map(error => error?.code),
      ['gpu-lost', 'gpu-lost', 'gpu-lost'],
    );
    assert.match(errors[1].message, /stream/);
  });
});

test('a GPU that computes wrongly is not used: auto runs on the CPU and says why', async () => {
  const outcome = await page.evaluate(async () => {
    const load = (device, query, target = '/models/target.gguf') =>
      paceline.Paceline.load({ target, device, worker: () => faulty(query) });
    const right = await load('auto', 'real');
    const wrong = await load('auto', 'real&wrong');
    const text = engine => engine.generate('the lore', { maxTokens: 8 }).result.then(r => r.tokenIds);
    const cpu = await load('cpu', '');
    return {
      right: right.info,
      wrong: wrong.info,
      texts: [await text(wrong), await text(cpu)],
      asked: await rejection(load('webgpu', 'real&wrong')),
    };
  });
  assert.equal(outcome.right.device, 'webgpu');
  assert.equal(outcome.right.selfTest, 'passed');
  assert.equal(outcome.right.fallback, undefined);
  assert.equal(outcome.wrong.device, 'cpu');
  assert.equal(outcome.wrong.selfTest, 'failed');
  assert.match(outcome.wrong.fallback, /self-test/);
  assert.deepEqual(outcome.texts[0], outcome.texts[1]);
  assert.equal(outcome.asked.code, 'gpu-self-test');
});

test('a worker that dies takes every promise with it, and the engine can be recovered', async () => {
  const outcome = await page.evaluate(async () => {
    const engine = await paceline.Paceline.load({
      target: '/models/target.gguf',
      device: 'cpu',
      worker: () => faulty(),
    });
    const say = () => engine.generate('the lore', { maxTokens: 8 }).result;
    const before = (await say()).tokenIds;
    const session = await engine.session();
    const pending = [
      drain(engine.generate('one', { maxTokens: 400 }), () => fault('throw')),
      engine.generate('two').result,
      session.generate('three', { maxTokens: 400 }).result,
      engine.chat.completions.create({ messages: [{ role: 'user', content: 'four' }] }),
    ];
    const errors = await Promise.all(pending.map(rejection));
    const dead = engine.disposed;
    const later = await rejection(engine.encode('x'));
    await engine.recover();
    const again = (await say()).tokenIds;
    const inSession = (await session.generate('the lore', { maxTokens: 8 }).result).tokenIds;
    engine.dispose();
    const disposed = [await rejection(say()), await rejection(engine.recover())];
    return { before, errors, dead, later, again, inSession, disposed };
  });
  assert.deepEqual(
    outcome.errors.map(error => error?.code),
    Array(4).fill('engine-crashed'),
  );
  assert.equal(outcome.dead, true);
  assert.equal(outcome.later.code, 'engine-crashed');
  assert.deepEqual(outcome.again, outcome.before);
  assert.deepEqual(outcome.inSession, outcome.before);
  assert.deepEqual(
    outcome.disposed.map(error => error?.code),
    ['engine-disposed', 'engine-disposed'],
  );
});

test('a worker that is ended from outside is noticed too', async () => {
  const outcome = await page.evaluate(async () => {
    const engine = await paceline.Paceline.load({
      target: '/models/target.gguf',
      device: 'cpu',
      worker: () => faulty(),
    });
    const run = engine.generate('the lore', { maxTokens: 400 });
    const errors = await Promise.all([
      rejection(drain(run, () => workers.at(-1).terminate())),
      rejection(engine.generate('and then').result),
    ]);
    await engine.recover();
    const { tokenIds } = await engine.generate('the lore', { maxTokens: 4 }).result;
    engine.dispose();
    return { errors, tokens: tokenIds.length };
  });
  assert.deepEqual(
    outcome.errors.map(error => error?.code),
    ['engine-crashed', 'engine-crashed'],
  );
  assert.equal(outcome.tokens, 4);
});

for (const device of ['cpu', 'webgpu']) {
  test(`200 aborts at random times on ${device} leave nothing behind`, async t => {
    const outcome = await page.evaluate(async device => {
      const engine = await paceline.Paceline.load({
        target: '/models/target.gguf',
        draft: '/models/draft.gguf',
        device,
      });
      const say = () => engine.generate('the lore the lore', { maxTokens: 24, gamma: 3 }).result;
      const right = (await say()).tokenIds;
      const abort = async ms => {
        const controller = new AbortController();
        const run = engine.chat([{ role: 'user', content: `turn ${ms}` }], {
          maxTokens: 400,
          signal: controller.signal,
        });
        setTimeout(() => controller.abort(), ms);
        return (await rejection(run.result))?.name;
      };
      // Of the length that the prompts will have: a longer one needs more rows at once.
      for (let i = 0; i < 10; i++) {
        await abort(i + 0.123456789012345);
      }
      // And the caches as long as they can get: they grow with the text.
      await engine.chat([{ role: 'user', content: 'turn 10.123456789012345' }], { maxTokens: 400 }).result;
      const before = (await engine.memory()).wasm;
      const names = [];
      // Some end before their abort comes, more of them on a fast machine.
      const aborted = () => names.filter(name => name === 'AbortError').length;
      while (aborted() < 200 && names.length < 4000) {
        names.push(await abort(Math.random() * 15));
      }
      const after = (await engine.memory()).wasm;
      return { right, names, before, after, next: (await say()).tokenIds };
    }, device);
    const aborted = outcome.names.filter(name => name === 'AbortError').length;
    t.diagnostic(
      `${aborted} of ${outcome.names.length} were aborted; ${outcome.before} bytes of wasm memory, then ${outcome.after}`,
    );
    assert.ok(
      outcome.names.every(name => name === 'AbortError' || name === undefined),
      `${outcome.names}`,
    );
    assert.equal(aborted, 200);
    // 2.5 KB an abort: less than any of a generation's parts, more than what freed memory lies scattered by.
    assert.ok(outcome.after <= outcome.before + (512 << 10), `${outcome.before} -> ${outcome.after}`);
    assert.deepEqual(outcome.next, outcome.right);
  });
}

test('loads that are aborted at random times leave no worker and no lock behind', async () => {
  const outcome = await page.evaluate(async () => {
    const names = [];
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), Math.random() * 120);
      const load = paceline.Paceline.load({
        target: '/models/target.gguf',
        device: 'cpu',
        signal: controller.signal,
      });
      names.push(
        await load.then(
          engine => engine.dispose(),
          error => error.name,
        ),
      );
    }
    const engine = await paceline.Paceline.load({ target: '/models/target.gguf', device: 'cpu' });
    const { tokenIds } = await engine.generate('x', { maxTokens: 4 }).result;
    const { held, pending } = await navigator.locks.query();
    const locks = [...held, ...pending].filter(({ name }) => name.startsWith('paceline-store'));
    return { names, tokens: tokenIds.length, locks };
  });
  assert.ok(outcome.names.includes('AbortError'), `${outcome.names}`);
  assert.ok(outcome.tokens > 0);
  assert.deepEqual(outcome.locks, []);
});

test('a page that sleeps in the middle goes on when it wakes', async () => {
  const cdp = await page.context().newCDPSession(page);
  await page.evaluate(async () => {
    window.engine = await paceline.Paceline.load({ target: '/models/target.gguf', device: 'cpu' });
    window.say = () => engine.generate('the lore', { maxTokens: 400 }).result;
    window.alone = (await say()).tokenIds;
    window.asleep = say();
  });
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await new Promise(resolve => setTimeout(resolve, 500));
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  const { alone, asleep } = await page.evaluate(async () => ({ alone, asleep: (await asleep).tokenIds }));
  assert.deepEqual(asleep, alone);
});

test('the real model from the store: its first token comes soon, and the page is never blocked', async t => {
  const { ms, longTasks, tasks } = await page.evaluate(async () => {
    const longTasks = [];
    const observer = new PerformanceObserver(list =>
      longTasks.push(...list.getEntries().map(e => e.duration)),
    );
    observer.observe({ type: 'longtask' });
    // A task that is long shows that the observer sees them.
    const busy = () => {
      const until = performance.now() + 70;
      while (performance.now() < until);
    };
    await new Promise(resolve => setTimeout(() => resolve(busy())));
    await new Promise(resolve => setTimeout(resolve, 200));
    const seen = longTasks.splice(0).length;

    const load = async () => {
      const began = performance.now();
      const engine = await paceline.Paceline.load({ target: '/real.gguf', device: 'cpu', capacity: 512 });
      const run = engine.chat([{ role: 'user', content: 'Why is the sky blue?' }], { maxTokens: 24 });
      let ms;
      for await (const piece of run) {
        ms ??= performance.now() - began;
      }
      engine.dispose();
      return ms;
    };
    await load();
    const ms = await load();
    await new Promise(resolve => setTimeout(resolve, 200));
    return { ms, longTasks, tasks: seen };
  });
  t.diagnostic(
    `first token of the stored model after ${ms.toFixed(0)} ms; long tasks: ${longTasks.map(Math.round)}`,
  );
  assert.ok(tasks > 0, 'the observer sees long tasks');
  assert.ok(ms <= FIRST_TOKEN_MS, `${ms} ms`);
  assert.ok(Math.max(0, ...longTasks) <= LONG_TASK_MS, `long tasks of ${longTasks} ms`);
});
