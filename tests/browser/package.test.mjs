// The built package in headless Chromium: on small random models, and on the real one where it is there.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { executable, FLAGS, start } from './harness.mjs';
import { certainSteps, MODEL, reference, tinyModels } from './models.mjs';

const DEVICES = ['cpu', 'webgpu'];
const MIB = 1 << 20;

/** Files that are no models, or broken ones. */
function brokenFiles(target) {
  const flipped = Buffer.from(target);
  flipped[8] ^= 0xff; // the tensor count
  flipped[15] ^= 0x40;
  return {
    '/empty.gguf': Buffer.alloc(0),
    '/text.gguf': Buffer.from('This is a text, not a model.\n'.repeat(50)),
    '/page.gguf': Buffer.from('<!doctype html><title>Not found</title>'),
    '/header.gguf': target.subarray(0, 600),
    '/weights.gguf': target.subarray(0, Math.floor(target.length * 0.7)),
    '/flipped.gguf': flipped,
    '/format.gguf': withFormat(target, 'blk.0.attn_q.weight', 250),
  };
}

/** `file` with another format number for a tensor. */
function withFormat(file, tensor, id) {
  const bytes = Buffer.from(file);
  const at = bytes.indexOf(tensor) + tensor.length;
  const dimensions = bytes.readUInt32LE(at);
  bytes.writeUInt32LE(id, at + 4 + 8 * dimensions);
  return bytes;
}

let session;
let page;

before(async () => {
  const folder = tinyModels();
  const target = readFileSync(join(folder, 'target.gguf'));
  const broken = brokenFiles(target);
  const routes = Object.fromEntries(
    Object.entries(broken).map(([path, bytes]) => [
      path,
      (_, response) => response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes),
    ]),
  );
  // A hundredth of the file every 20 ms.
  routes['/slow.gguf'] = async (_, response) => {
    response.writeHead(200, { 'Content-Length': target.length });
    for (let i = 0; i < 100 && !response.destroyed; i++) {
      const cut = part => Math.floor((target.length * part) / 100);
      response.write(target.subarray(cut(i), cut(i + 1)));
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    response.end();
  };
  routes['/dropped.gguf'] = (_, response) => {
    response.writeHead(200, { 'Content-Length': target.length });
    response.write(target.subarray(0, target.length / 2), () => response.destroy());
  };
  session = await start({ mounts: { '/models': folder, '/real.gguf': MODEL }, routes });
});

after(() => session?.stop());

beforeEach(async () => {
  page = await session.open();
});

afterEach(() => page.close());

for (const device of DEVICES) {
  describe(`on ${device}`, () => {
    test('loads with progress, generates, and drafting changes nothing but the speed', async () => {
      const { progress, info, runs, pieces } = await page.evaluate(async device => {
        const progress = [];
        const engine = await paceline.Paceline.load({
          target: '/models/target.gguf',
          draft: '/models/draft.gguf',
          device,
          onProgress: p => progress.push(p),
        });
        const runs = {};
        for (const drafter of ['none', 'ngram', 'model']) {
          const options = { maxTokens: 48, drafter, gamma: 4 };
          runs[drafter] = await engine.generate('the lore the lore the', options).result;
        }
        const pieces = [];
        const run = engine.generate('the lore the lore the', { maxTokens: 48, drafter: 'model', gamma: 4 });
        for await (const piece of run) {
          pieces.push(piece);
        }
        engine.dispose();
        return { progress, info: engine.info, runs, pieces };
      }, device);

      assert.equal(info.device, device);
      assert.equal(info.target.layers, 4);
      assert.equal(info.draft.layers, 3);
      const last = progress.filter(p => p.part === 'target').at(-1);
      assert.ok(last.loaded > 0 && last.loaded <= last.total, JSON.stringify(last));
      assert.ok(progress.some(p => p.part === 'draft'));

      const { none, ngram, model } = runs;
      assert.equal(none.stats.drafted, 0);
      assert.equal(none.stats.blockEfficiency, 1);
      assert.deepEqual(ngram.tokenIds, none.tokenIds);
      assert.deepEqual(model.tokenIds, none.tokenIds);
      assert.equal(model.text, none.text);
      assert.ok(model.stats.drafted > 0 && model.stats.accepted > 0, JSON.stringify(model.stats));
      assert.ok(none.finishReason === 'length' ? none.tokenIds.length === 48 : none.finishReason === 'stop');

      assert.deepEqual(
        pieces.flatMap(p => p.tokens.map(t => t.id)),
        model.tokenIds,
      );
      assert.equal(pieces.map(p => p.text).join(''), model.text);
      const accepted = pieces.flatMap(p => p.tokens).filter(t => t.accepted).length;
      assert.equal(accepted, model.stats.accepted);
    });

    test('an aborted load frees everything, and the next one works', async () => {
      const outcome = await page.evaluate(async device => {
        const { Paceline } = paceline;
        const controller = new AbortController();
        let seen = 0;
        const onProgress = ({ loaded }) => {
          seen = loaded;
          controller.abort();
        };
        const error = await rejection(
          Paceline.load({ target: '/slow.gguf', device, onProgress, signal: controller.signal }),
        );
        const engine = await Paceline.load({ target: '/models/target.gguf', device });
        const { tokenIds } = await engine.generate('and again', { maxTokens: 4 }).result;
        return { error, seen, tokens: tokenIds.length };
      }, device);
      assert.equal(outcome.error.name, 'AbortError');
      assert.ok(outcome.seen > 0);
      assert.ok(outcome.tokens > 0);
    });

    test('aborted generations leave an engine that says the same as before', async () => {
      const outcome = await page.evaluate(async device => {
        const { Paceline } = paceline;
        const engine = await Paceline.load({ target: '/models/target.gguf', device });
        const say = () => engine.generate('the lore', { maxTokens: 24 }).result;
        const before = await say();
        const errors = [];
        for (let after = 0; after < 5; after++) {
          const controller = new AbortController();
          const run = engine.generate('another prompt, in here', {
            maxTokens: 400,
            signal: controller.signal,
          });
          if (after === 0) {
            setTimeout(() => controller.abort(), 1);
          }
          let pieces = 0;
          const read = (async () => {
            for await (const _ of run) {
              if (++pieces === after) {
                controller.abort();
              }
            }
          })();
          errors.push(await rejection(read));
        }
        for await (const _ of engine.generate('a third', { maxTokens: 400 })) {
          break;
        }
        return { errors, before: before.tokenIds, after: (await say()).tokenIds };
      }, device);
      assert.deepEqual(
        outcome.errors.map(e => e?.name),
        Array(5).fill('AbortError'),
      );
      assert.deepEqual(outcome.after, outcome.before);
    });

    test('bad input is a typed error each, and an engine beside it works on', async () => {
      const cases = {
        '/empty.gguf': /^gguf-truncated$/,
        '/text.gguf': /^gguf-magic$/,
        '/page.gguf': /^gguf-magic$/,
        '/header.gguf': /^gguf-truncated$/,
        '/weights.gguf': /^gguf-truncated$/,
        '/flipped.gguf': /^gguf-/,
        '/format.gguf': /^gguf-format$/,
        '/missing.gguf': /^source-http$/,
        '/dropped.gguf': /^source-io$/,
        'http://localhost:9/': /^source-network$/,
      };
      const { errors, draft, prompts, tokens } = await page.evaluate(
        async ([device, paths]) => {
          const { Paceline } = paceline;
          const target = '/models/target.gguf';
          const engine = await Paceline.load({ target, device, capacity: 32 });
          const errors = {};
          for (const path of paths) {
            errors[path] = await rejection(Paceline.load({ target: path, device }));
          }
          const draft = {
            tokenizer: await rejection(Paceline.load({ target, draft: '/models/other.gguf', device })),
            broken: await rejection(Paceline.load({ target, draft: '/text.gguf', device })),
          };
          const plain = await Paceline.load({ target: '/models/plain.gguf', device });
          const prompts = {
            long: await rejection(engine.generate('x'.repeat(100)).result),
            empty: await rejection(engine.generate('').result),
            ids: await rejection(engine.generate([1e6]).result),
            draft: await rejection(engine.generate('x', { drafter: 'model' }).result),
            drafter: await rejection(engine.generate('x', { drafter: 'oracle' }).result),
            option: await rejection(engine.generate('x', { maxTokens: 'many' }).result),
            template: await rejection(plain.chat([{ role: 'user', content: 'x' }]).result),
          };
          const { tokenIds } = await engine.generate('it works', { maxTokens: 4 }).result;
          return { errors, draft, prompts, tokens: tokenIds.length };
        },
        [device, Object.keys(cases)],
      );
      for (const [path, code] of Object.entries(cases)) {
        check(errors[path], code, path);
      }
      check(draft.tokenizer, /^draft-tokenizer$/);
      check(draft.broken, /^gguf-magic$/);
      check(prompts.long, /^prompt-too-long$/);
      check(prompts.empty, /^prompt-empty$/);
      check(prompts.ids, /^token-range$/);
      check(prompts.draft, /^draft-missing$/);
      check(prompts.drafter, /^drafter-unknown$/);
      check(prompts.option, /^invalid-option$/);
      check(prompts.template, /^template-missing$/);
      assert.ok(tokens > 0);
    });

    test('the real model agrees with the float32 reference', async () => {
      const runs = reference()
        .filter(run => run.prompt_ids.length < 60 && certainSteps(run) >= 6)
        .sort((a, b) => certainSteps(b) - certainSteps(a) || a.prompt_ids.length - b.prompt_ids.length)
        .slice(0, 3)
        .map(run => ({
          prompt: run.prompt,
          promptIds: run.prompt_ids,
          ids: run.ids.slice(0, certainSteps(run)).slice(0, 24),
        }));
      assert.equal(runs.length, 3);
      const results = await page.evaluate(
        async ([device, runs]) => {
          const engine = await paceline.Paceline.load({ target: '/real.gguf', device, capacity: 128 });
          const results = [];
          for (const { prompt, ids } of runs) {
            const options = { maxTokens: ids.length, drafter: 'ngram' };
            results.push(await engine.chat([{ role: 'user', content: prompt }], options).result);
          }
          return results;
        },
        [device, runs],
      );
      results.forEach(({ promptIds, tokenIds }, i) => {
        assert.deepEqual(promptIds, runs[i].promptIds);
        assert.deepEqual(tokenIds, runs[i].ids, runs[i].prompt);
      });
    });

    test('the real model loads in little memory, and the page stays interactive', async t => {
      const { loaded, tokenizer, longTasks, gap } = await page.evaluate(async device => {
        const { Paceline } = paceline;
        const memoryOf = async target => {
          const engine = await Paceline.load({ target, device, capacity: 512 });
          const { wasm } = await engine.memory();
          engine.dispose();
          return wasm;
        };
        const tokenizer = await memoryOf('/models/tokenizer.gguf');
        const longTasks = [];
        new PerformanceObserver(list => longTasks.push(...list.getEntries().map(e => e.duration))).observe({
          type: 'longtask',
        });
        let gap = 0;
        let last = performance.now();
        const timer = setInterval(() => {
          const now = performance.now();
          gap = Math.max(gap, now - last);
          last = now;
        }, 10);
        const loaded = await memoryOf('/real.gguf');
        clearInterval(timer);
        await new Promise(resolve => setTimeout(resolve, 100));
        return { loaded, tokenizer, longTasks, gap };
      }, device);
      const weights = device === 'cpu' ? statSync(MODEL).size : 0;
      const mib = bytes => (bytes / MIB).toFixed(1);
      t.diagnostic(`${mib(loaded)} MiB of wasm memory, ${mib(tokenizer)} of them with the tokenizer alone`);
      t.diagnostic(
        `longest gap between timers ${gap.toFixed(0)} ms; long tasks: ${longTasks.map(Math.round)}`,
      );
      assert.ok(loaded <= tokenizer + 64 * MIB + weights, `${mib(loaded)} MiB`);
      assert.ok(Math.max(0, ...longTasks) <= 50, `long tasks of ${longTasks} ms`);
    });
  });
}

test('every kind of source is read', async () => {
  const layers = await page.evaluate(async () => {
    const { Paceline } = paceline;
    const url = '/models/target.gguf';
    const bytes = await (await fetch(url)).arrayBuffer();
    const sources = [
      new URL(url, location.href),
      new Blob([bytes]),
      new File([bytes], 'model.gguf'),
      await fetch(url),
      (await fetch(url)).body,
    ];
    const layers = [];
    for (const target of sources) {
      const engine = await Paceline.load({ target, device: 'cpu' });
      layers.push(engine.info.target.layers);
      engine.dispose();
    }
    return layers;
  });
  assert.deepEqual(layers, Array(5).fill(4));
});

test('on a page without a secure context nothing is kept, and everything else works', async () => {
  const rules = '--host-resolver-rules=MAP insecure.test 127.0.0.1';
  const browser = await chromium.launch({ executablePath: executable(), args: [...FLAGS, rules] });
  try {
    const page = await browser.newPage();
    await page.goto(session.url.replace('localhost', 'insecure.test'));
    const outcome = await page.evaluate(async () => {
      const { ModelStore, Paceline } = await import('/paceline/index.js');
      const engine = await Paceline.load({ target: '/models/target.gguf' });
      const messages = [{ role: 'user', content: 'the lore' }];
      const { usage } = await engine.chat.completions.create({ messages, max_tokens: 4 });
      const store = await ModelStore.open().catch(error => error.code);
      return { secure: isSecureContext, info: engine.info, tokens: usage.completion_tokens, store };
    });
    assert.equal(outcome.secure, false);
    assert.equal(outcome.info.device, 'cpu');
    assert.match(outcome.info.notStored, /HTTPS/);
    assert.ok(outcome.tokens > 0);
    assert.equal(outcome.store, 'store-unavailable');
  } finally {
    await browser.close();
  }
});

test('on a software adapter, or without one, auto runs on the CPU and says why', async () => {
  const { info, fallback } = await page.evaluate(async () => {
    const engine = await paceline.Paceline.load({ target: '/models/target.gguf' });
    const adapter = await navigator.gpu?.requestAdapter();
    return { info: engine.info, fallback: !adapter || adapter.info.isFallbackAdapter };
  });
  assert.equal(info.device, fallback ? 'cpu' : 'webgpu');
  assert.equal(typeof info.fallback, fallback ? 'string' : 'undefined');
});

test('the kernels that were chosen are remembered for the adapter', async () => {
  const { chosen, remembered, again } = await page.evaluate(async () => {
    const load = () => paceline.Paceline.load({ target: '/models/target.gguf', device: 'webgpu' });
    const chosen = (await load()).info.kernels;
    const database = await new Promise((resolve, reject) => {
      const opening = indexedDB.open('paceline', 1);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    const remembered = await new Promise(resolve => {
      const getting = database.transaction('tuning').objectStore('tuning').getAll();
      getting.onsuccess = () => resolve(getting.result);
    });
    return { chosen, remembered, again: (await load()).info.kernels };
  });
  const names = new Set(remembered.flatMap(({ kernels = {} }) => Object.values(kernels)));
  assert.ok(names.size > 0);
  assert.deepEqual(new Set(Object.values(chosen)), names);
  assert.deepEqual(again, chosen);
});

test('a worker that ends takes nothing down but its own engine', async () => {
  const outcome = await page.evaluate(async () => {
    const { Paceline } = paceline;
    let worker;
    const load = () =>
      Paceline.load({
        target: '/models/target.gguf',
        device: 'cpu',
        worker: () => (worker = new Worker('/paceline/worker.js', { type: 'module' })),
      });
    const engine = await load();
    const run = engine.generate('the lore', { maxTokens: 400 });
    worker.dispatchEvent(new ErrorEvent('error', { message: 'killed', cancelable: true }));
    const error = await rejection(run.result);
    const disposed = engine.disposed;
    const again = await (await load()).generate('x', { maxTokens: 2 }).result;
    return { error, disposed, tokens: again.tokenIds.length };
  });
  check(outcome.error, /^engine-crashed$/);
  assert.equal(outcome.disposed, true);
  assert.ok(outcome.tokens > 0);
});

/** A typed error with something to read. */
function check(error, code, what = '') {
  assert.ok(error, `${what}: no error`);
  assert.equal(error.name, 'PacelineError', `${what}: ${JSON.stringify(error)}`);
  assert.match(error.code, code, `${what}: ${JSON.stringify(error)}`);
  assert.ok(error.message.length > 20, `${what}: ${error.message}`);
}
