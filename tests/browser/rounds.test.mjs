// Sampling, drafters and rounds in flight in headless Chromium, on small random models.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { start, TARGET } from './harness.mjs';
import { tinyModels } from './models.mjs';

/** The engine with its test rigs, which the package is without. */
const RIGS = join(TARGET, 'rigs');
const PROMPT = 'the lore the lore the';
/** Most time that a round may cost the host, in ms. */
const HOST_MS = 1;

let session;
let page;

before(async () => {
  if (!existsSync(RIGS)) {
    throw new Error(`there is no ${RIGS}; run \`cargo xtask build --rigs\``);
  }
  session = await start({ mounts: { '/models': tinyModels(), '/rigs': RIGS } });
});

after(() => session?.stop());

/** Opens a page with target and draft loaded as `window.engine`. */
async function load(options, target = 'target') {
  page = await session.open();
  await page.evaluate(
    async ([options, target]) => {
      window.compiled = [];
      window.options = {
        target: `/models/${target}.gguf`,
        draft: '/models/draft.gguf',
        onProgress: ({ phase, loaded, total }) => phase === 'compile' && compiled.push([loaded, total]),
        ...options,
      };
      window.engine = await paceline.Paceline.load(window.options);
    },
    [options, target],
  );
}

/** Generates once with each of the options: ids and statistics. */
function generate(all, prompt = PROMPT) {
  return page.evaluate(
    async ([all, prompt]) => {
      const results = [];
      for (const options of all) {
        const { tokenIds, stats } = await engine.generate(prompt, options).result;
        results.push({ tokenIds, stats });
      }
      return results;
    },
    [all, prompt],
  );
}

for (const device of ['cpu', 'webgpu']) {
  describe(`on ${device}`, () => {
    before(() => load({ device }));

    after(() => page.close());

    test('greedy text is the same for every drafter, proposal length and number of rounds in flight', async () => {
      const rounds = [
        ...[1, 2, 4].map(inFlight => ({ drafter: 'none', inFlight })),
        ...[0, 1, 10, 'auto'].map(gamma => ({ drafter: 'ngram', gamma })),
        ...['model', 'ngram+model'].flatMap(drafter => [
          ...[1, 15, 'auto'].map(gamma => ({ drafter, gamma })),
          ...[1, 2, 4].map(inFlight => ({ drafter, gamma: 4, inFlight })),
          { drafter, gamma: 4, confidence: 0.5 },
        ]),
      ];
      const laws = [
        { maxTokens: 40 },
        {
          maxTokens: 24,
          repeatPenalty: 1.3,
          presencePenalty: 0.5,
          frequencyPenalty: 0.2,
          logitBias: { 40: 2 },
        },
      ];
      for (const law of laws) {
        const [plain, ...others] = await generate(rounds.map(round => ({ ...law, ...round })));
        assert.ok(plain.tokenIds.length > 1);
        others.forEach(({ tokenIds }, i) => {
          assert.deepEqual(tokenIds, plain.tokenIds, JSON.stringify(rounds[i + 1]));
        });
        assert.ok(others.some(({ stats }) => stats.accepted > 0));
      }
    });

    test('a seed gives the same text again, with every verifier and drafter', async () => {
      const law = { maxTokens: 32, temperature: 0.9, topK: 50, topP: 0.95, seed: 2n ** 60n + 7n };
      const options = ['token', 'block'].flatMap(verify =>
        ['none', 'ngram', 'model', 'ngram+model'].map(drafter => ({ ...law, verify, drafter, inFlight: 2 })),
      );
      const [first, again] = [await generate(options), await generate(options)];
      first.forEach(({ tokenIds, stats }, i) => {
        assert.deepEqual(again[i].tokenIds, tokenIds, JSON.stringify(options[i].drafter));
        assert.equal(stats.alphaTf !== undefined, stats.tested > 0);
      });
      const tested = first.filter((_, i) => options[i].drafter === 'model');
      assert.ok(tested.every(({ stats }) => stats.drafted > 0 && stats.alphaTf > 0 && stats.alphaTf <= 1));

      const { seed: _, ...unseeded } = law;
      const others = await generate([{ ...law, seed: 1 }, { ...law, seed: 2 }, unseeded, unseeded]);
      assert.equal(new Set(others.map(({ tokenIds }) => `${tokenIds}`)).size, 4);
    });

    test('an abort with rounds in flight leaves nothing behind', async () => {
      const say = { maxTokens: 24, drafter: 'model', gamma: 4, inFlight: 4 };
      const outcome = await page.evaluate(
        async ([prompt, say]) => {
          const { tokenIds: before } = await engine.generate(prompt, say).result;
          const errors = [];
          for (const options of [{}, { temperature: 1, seed: 3 }]) {
            const controller = new AbortController();
            const long = { ...say, ...options, maxTokens: 400, signal: controller.signal };
            const run = engine.generate('another prompt, in here', long);
            let pieces = 0;
            try {
              for await (const _ of run) {
                ++pieces === 3 && controller.abort();
              }
            } catch (error) {
              errors.push(error.name);
            }
          }
          const { tokenIds: after } = await engine.generate(prompt, say).result;
          return { before, after, errors };
        },
        [PROMPT, say],
      );
      assert.deepEqual(outcome.errors, ['AbortError', 'AbortError']);
      assert.deepEqual(outcome.after, outcome.before);
    });

    test('options that mean nothing are typed errors', async () => {
      const cases = [
        [{ temperature: -1 }, 'sampling-range'],
        [{ temperature: NaN }, 'sampling-range'],
        [{ topP: 1.5 }, 'sampling-range'],
        [{ penaltyWindow: 300 }, 'sampling-range'],
        [{ logitBias: { 100000: 1 } }, 'logit-bias-range'],
        [
          { logitBias: Object.fromEntries(Array.from({ length: 257 }, (_, id) => [id, 1])) },
          'logit-bias-too-many',
        ],
        [{ verify: 'greedy', temperature: 1 }, 'verifier-unknown'],
        [{ drafter: 'ngram+oracle' }, 'drafter-unknown'],
        [{ gamma: 'many' }, 'invalid-option'],
        [{ seed: -1 }, 'invalid-option'],
        [{ seed: 2n ** 64n }, 'invalid-option'],
        [{ logitBias: { hello: 1 } }, 'invalid-option'],
      ];
      const codes = await page.evaluate(
        all =>
          Promise.all(
            all.map(options =>
              engine.generate('x', options).result.then(
                () => undefined,
                ({ name, code }) => name === 'PacelineError' && code,
              ),
            ),
          ),
        cases.map(([options]) => options),
      );
      assert.deepEqual(
        codes,
        cases.map(([, code]) => code),
      );
      const [{ tokenIds }] = await generate([{ maxTokens: 4 }]);
      assert.equal(tokenIds.length, 4);
    });
  });
}

describe('a round on webgpu is one submit and one read-back, makes nothing, and costs the host little', () => {
  before(() => load({ device: 'webgpu', precompile: true }, 'deep'));

  after(() => page.close());

  test('for all of it was compiled while loading, unless that was aborted', async () => {
    const { compiled, aborted } = await page.evaluate(async () => {
      const stop = new AbortController();
      const onProgress = ({ phase }) => phase === 'compile' && stop.abort();
      const aborted = rejection(paceline.Paceline.load({ ...options, onProgress, signal: stop.signal }));
      return { compiled, aborted: await aborted };
    });
    const [done, total] = compiled.at(-1);
    assert.ok(total > 20 && done === total, `${done} of ${total}`);
    assert.equal(aborted?.name, 'AbortError');
  });

  for (const law of [{}, { temperature: 0.8, seed: 1 }]) {
    test(law.temperature ? 'sampling' : 'greedy', async t => {
      const options = { ...law, maxTokens: 120, drafter: 'model', gamma: 4, inFlight: 2 };
      const pieces = await page.evaluate(
        async ([prompt, options]) => {
          const pieces = [];
          for await (const { stats } of engine.generate(prompt, options)) {
            pieces.push(stats);
          }
          return pieces;
        },
        [PROMPT, options],
      );
      // The first rounds make what is made once; the last ones are shorter than the others.
      const [from, to] = [pieces[4], pieces.findLast(stats => stats.tokens < options.maxTokens - 20)];
      const rounds = to.rounds - from.rounds;
      assert.ok(rounds > 20, `${rounds} rounds`);
      const a_round = name => (to[name] - from[name]) / rounds;
      // A software adapter computes on the cores that the worker runs on: of the times of rounds, those of the quickest
      // quarter are the worker's own.
      const host = pieces
        .slice(pieces.indexOf(from), pieces.indexOf(to))
        .map((stats, i) => pieces[pieces.indexOf(from) + i + 1].hostMs - stats.hostMs)
        .sort((a, b) => a - b);
      const [quarter, half] = [0.25, 0.5].map(share => host[Math.floor(host.length * share)]);
      t.diagnostic(
        `${rounds} rounds: ${a_round('dispatches')} dispatches, ${a_round('decodeMs').toFixed(1)} ms in all; on the host ` +
          `${quarter.toFixed(2)} ms (lower quartile), ${half.toFixed(2)} (median), ${a_round('hostMs').toFixed(2)} (mean)`,
      );
      assert.equal(a_round('drafted'), 4);
      assert.equal(a_round('submits'), 1);
      assert.ok(a_round('readbacks') <= 1);
      assert.equal(to.objects, from.objects);
      assert.equal(to.roundsInFlight, 2);
      assert.ok(quarter <= HOST_MS, `${quarter} ms`);
    });
  }
});

test('ten thousand rounds of the sampler on WebGPU are decided as on the host', async () => {
  page = await session.open();
  const replayed = await page.evaluate(async () => {
    const { default: init, replay } = await import('/rigs/paceline.js');
    const memory = new WebAssembly.Memory({ initial: 33, maximum: 65536 });
    await init({ memory });
    return replay(10_000, 1);
  });
  assert.equal(replayed.rounds, 10_000);
  assert.ok(replayed.accepted > 5_000 && replayed.decisions > 30_000, JSON.stringify(replayed));
  await page.close();
});
