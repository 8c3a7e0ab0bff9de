// Several sequences on one loaded model, in headless Chromium.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { start } from './harness.mjs';
import { tinyModels } from './models.mjs';

let session;
let page;

before(async () => {
  session = await start({ mounts: { '/models': tinyModels() } });
});

after(() => session?.stop());

for (const device of ['cpu', 'webgpu']) {
  describe(`on ${device}`, () => {
    before(async () => {
      page = await session.open();
      await page.evaluate(async device => {
        const paths = { target: '/models/target.gguf', draft: '/models/draft.gguf' };
        window.engine = await paceline.Paceline.load({ ...paths, device });
      }, device);
    });

    after(() => page.close());

    test('two generate at the same time and disturb one another in nothing', async () => {
      const outcome = await page.evaluate(async () => {
        const sampled = { maxTokens: 96, temperature: 0.9, seed: 5, inFlight: 2, gamma: 4 };
        const runs = {
          a: ['the lore the lore the', { maxTokens: 96 }],
          b: ['an entirely different text', { maxTokens: 96, drafter: 'model', gamma: 3 }],
          c: ['something drawn by chance', sampled],
        };
        const alone = {};
        for (const [name, [prompt, options]] of Object.entries(runs)) {
          alone[name] = (await engine.generate(prompt, options).result).tokenIds;
        }
        const sessions = { a: engine, b: await engine.session(), c: await engine.session() };
        const together = {};
        const order = [];
        const generate = async name => {
          const run = sessions[name].generate(...runs[name]);
          for await (const _ of run) {
            order.push(name);
          }
          together[name] = (await run.result).tokenIds;
        };
        await Promise.all(Object.keys(runs).map(generate));
        return { alone, together, order };
      });
      assert.deepEqual(outcome.together, outcome.alone);
      const changes = outcome.order.filter((name, i) => i > 0 && name !== outcome.order[i - 1]).length;
      assert.ok(changes > 10, outcome.order.join(''));
    });

    test('each keeps its own conversation', async () => {
      const reused = await page.evaluate(async () => {
        const sessions = [engine, await engine.session()];
        const texts = ['first conversation, some words', 'second one, with other words'];
        for (const [i, text] of texts.entries()) {
          await sessions[i].generate(text, { maxTokens: 2 }).result;
        }
        const again = texts.map(
          (text, i) => sessions[i].generate(`${text} and more`, { maxTokens: 2 }).result,
        );
        return (await Promise.all(again)).map(({ stats }) => stats.reusedTokens);
      });
      assert.ok(
        reused.every(tokens => tokens > 10),
        `${reused}`,
      );
    });

    test('one is closed in the middle, and the other goes on', async () => {
      const outcome = await page.evaluate(async () => {
        const say = () => engine.generate('the lore', { maxTokens: 40 }).result;
        const { tokenIds: alone } = await say();
        const session = await engine.session();
        const other = say();
        let code;
        try {
          for await (const _ of session.generate('over and over', { maxTokens: 400 })) {
            await session.close();
          }
        } catch (error) {
          code = error.code;
        }
        return { alone, beside: (await other).tokenIds, code, closed: session.closed };
      });
      assert.equal(outcome.code, 'session-closed');
      assert.equal(outcome.closed, true);
      assert.deepEqual(outcome.beside, outcome.alone);
    });

    test('fifty that come and go leave no memory behind', async t => {
      const { after, before } = await page.evaluate(async () => {
        const turn = async () => {
          const session = await engine.session();
          await session.generate('the lore', { maxTokens: 6, temperature: 0.5 }).result;
          await session.close();
        };
        for (let i = 0; i < 5; i++) {
          await turn();
        }
        const before = (await engine.memory()).wasm;
        for (let i = 0; i < 50; i++) {
          await turn();
        }
        return { before, after: (await engine.memory()).wasm };
      });
      t.diagnostic(`${before} bytes of wasm memory before, ${after} after`);
      assert.ok(after <= before + (64 << 10), `${before} -> ${after}`);
    });
  });
}
