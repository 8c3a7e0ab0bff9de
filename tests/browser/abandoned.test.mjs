// Generations that are given up early, on an engine with another conversation in its cache, in headless Chromium: the
// next answer is that of a fresh engine, and nothing of the other conversation.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { start } from './harness.mjs';
import { tinyModels } from './models.mjs';

/** How long after the call to give up, in ms; `undefined` in the same task. */
const DELAYS = [undefined, 0, 1, 2, 1];
/** The events, of the prompt being read and of the answer, at which to give up: the first ones. */
const EVENTS = 8;

let session;

before(async () => {
  session = await start({ mounts: { '/models': tinyModels() } });
});

after(() => session?.stop());

for (const device of ['cpu', 'webgpu']) {
  describe(`on ${device}`, () => {
    let page;
    let fresh;

    before(async () => {
      page = await session.open();
      fresh = await page.evaluate(async device => {
        const load = () =>
          paceline.Paceline.load({ target: '/models/target.gguf', draft: '/models/draft.gguf', device });
        const say = text => [{ role: 'user', content: text }];
        window.conversations = {
          // Longer than the others: a cache that is trusted too far would have room for all of them.
          other: say('a conversation about something else entirely '.repeat(3)),
          asked: say('the lore the lore the '.repeat(5)),
          then: say(`${'the lore the lore the '.repeat(5)}and more`),
        };
        window.answer = async (engine, name, options) => {
          // The penalty keeps the random model from saying one token over and over, whatever the conversation.
          const run = engine.chat(conversations[name], { maxTokens: 12, repeatPenalty: 1.5, ...options });
          const { text, tokenIds } = await run.result;
          return { text, tokenIds };
        };
        const fresh = {};
        const unused = await load();
        for (const name of Object.keys(conversations)) {
          fresh[name] = await answer(await unused.session(), name);
        }
        unused.dispose();
        window.engine = await load();
        /** Has `giveUp` begin an answer and leave it, after another conversation, and tells what comes then. */
        window.afterwards = async (sequence, giveUp) => {
          const other = await answer(sequence, 'other');
          const left = await giveUp(sequence);
          const asked = await answer(sequence, 'asked');
          await answer(sequence, 'other');
          await giveUp(sequence);
          return { left, other, asked, then: await answer(sequence, 'then') };
        };
        /** What a run that is given up ends with. */
        window.ending = run =>
          run.result.then(
            ({ finishReason }) => finishReason,
            error => error.name,
          );
        return fresh;
      }, device);
      assert.equal(new Set(Object.values(fresh).map(({ text }) => text)).size, 3, JSON.stringify(fresh));
    });

    after(() => page.close());

    const check = outcomes => {
      for (const { left, ...said } of outcomes) {
        assert.deepEqual(said, fresh, `given up with ${left}`);
      }
    };

    test('aborted right after the call', async t => {
      const outcomes = await page.evaluate(
        async delays => {
          const outcomes = [];
          for (const sequence of [engine, await engine.session()]) {
            for (const delay of delays) {
              const giveUp = async sequence => {
                const controller = new AbortController();
                const run = sequence.chat(conversations.asked, { maxTokens: 12, signal: controller.signal });
                if (delay === null) {
                  controller.abort();
                } else {
                  setTimeout(() => controller.abort(), delay);
                }
                return ending(run);
              };
              outcomes.push(await afterwards(sequence, giveUp));
            }
          }
          return outcomes;
        },
        DELAYS.map(delay => delay ?? null),
      );
      t.diagnostic(
        `${outcomes.filter(({ left }) => left === 'AbortError').length} of ${outcomes.length} aborted`,
      );
      assert.ok(outcomes.some(({ left }) => left === 'AbortError'));
      check(outcomes);
    });

    test('aborted at one event after the other', async () => {
      const outcomes = await page.evaluate(async events => {
        const outcomes = [];
        for (let event = 1; event <= events; event++) {
          const giveUp = async sequence => {
            const controller = new AbortController();
            let seen = 0;
            const note = () => ++seen === event && controller.abort();
            const options = { maxTokens: 24, signal: controller.signal, onPrefill: note };
            const run = sequence.chat(conversations.asked, options);
            const read = (async () => {
              for await (const _ of run) {
                note();
              }
            })();
            await read.catch(() => {});
            return ending(run);
          };
          outcomes.push(await afterwards(engine, giveUp));
        }
        return outcomes;
      }, EVENTS);
      assert.equal(outcomes[0].left, 'AbortError');
      check(outcomes);
    });

    test('asked for no token, or left in the loop', async () => {
      const outcomes = await page.evaluate(async () => {
        const nothing = sequence => ending(sequence.chat(conversations.asked, { maxTokens: 0 }));
        const leave = async sequence => {
          const run = sequence.chat(conversations.asked, { maxTokens: 24 });
          for await (const _ of run) {
            break;
          }
          return ending(run);
        };
        const refused = async sequence => {
          await answer(sequence, 'asked', { drafter: 'oracle' }).catch(() => {});
          return ending(sequence.generate([1e6]));
        };
        const outcomes = [];
        for (const giveUp of [nothing, leave, nothing, refused]) {
          outcomes.push(await afterwards(engine, giveUp));
        }
        return outcomes;
      });
      assert.equal(outcomes[0].left, 'length');
      check(outcomes);
    });

    test('given up again and again, while others wait', async () => {
      const outcomes = await page.evaluate(async () => {
        const outcomes = [];
        for (let i = 0; i < 4; i++) {
          // What React does to an effect in development: begun, ended and begun again in one task.
          const giveUp = async sequence => {
            const controllers = Array.from({ length: 4 }, () => new AbortController());
            const runs = controllers.map(({ signal }, i) =>
              sequence.chat(conversations[i % 2 ? 'then' : 'asked'], { maxTokens: 12, signal }),
            );
            controllers.forEach((controller, i) => setTimeout(() => controller.abort(), i));
            return (await Promise.all(runs.map(ending))).join();
          };
          outcomes.push(await afterwards(engine, giveUp));
        }
        return outcomes;
      });
      check(outcomes);
    });
  });
}
