// What threads are worth to the CPU engine in headless Chromium: rounds of one thread beside those of several, in turns.
//
//   node benches/browser/threads.mjs --model FILE [--threads 1,2] [--rounds N] [--tokens N] [--chat TEXT]
//
// Prints the median time of a token and of reading the prompt for each number of threads, and the median of the ratios of
// neighbouring runs, which a change of the machine's load does not shift.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ISOLATED, start } from '../../tests/browser/harness.mjs';

const CHAT = 'Explain to a curious ten-year-old how the Moon causes the tides in the sea.';
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '15' },
    tokens: { type: 'string', default: '64' },
    chat: { type: 'string', default: CHAT },
  },
});
const teams = values.threads.split(',').map(Number);

const session = await start({ mounts: { '/model.gguf': resolve(values.model) }, headers: ISOLATED });
try {
  const page = await session.open();
  page.setDefaultTimeout(0);
  await page.evaluate(async teams => {
    window.engines = [];
    for (const threads of teams) {
      const engine = await paceline.Paceline.load({ target: '/model.gguf', device: 'cpu', threads });
      if (engine.info.threads !== threads) {
        throw new Error(`${threads} threads were asked for, there are ${engine.info.threads}`);
      }
      engines.push(engine);
    }
  }, teams);
  const measure = (which, tokens) =>
    page.evaluate(
      async ([which, chat, maxTokens]) => {
        const engine = engines[which];
        // Leaves another text in the cache, so that the prompt is read from its first token.
        await engine.generate('Once upon a time', { maxTokens: 2, drafter: 'none' }).result;
        const run = engine.chat([{ role: 'user', content: chat }], { maxTokens, drafter: 'none' });
        const { stats, text } = await run.result;
        return { decode: stats.decodeMs / stats.tokens, prefill: stats.prefillMs, text };
      },
      [which, values.chat, tokens],
    );
  // The browser compiles wasm a second time, better, once it has run for a while.
  for (const which of teams.keys()) {
    await measure(which, 32);
  }
  const runs = teams.map(() => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const which of teams.keys()) {
      runs[which].push(await measure(which, Number(values.tokens)));
    }
  }
  for (const [which, threads] of teams.entries()) {
    const line = ['decode', 'prefill'].map(what => {
      const times = runs[which].map(run => run[what]);
      const ratios = times.map((ms, round) => runs[0][round][what] / ms);
      const best = Math.min(...runs[0].map(run => run[what])) / Math.min(...times);
      return `${what} ${median(times).toFixed(2)} ms, ${median(ratios).toFixed(2)}x (best / best ${best.toFixed(2)}x)`;
    });
    const same = runs[which].every(({ text }) => text === runs[0][0].text);
    console.log(`${threads} threads: ${line.join('; ')}; ${same ? 'the same text' : 'ANOTHER TEXT'}`);
  }
} finally {
  await session.stop();
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
