// The built package on `--device webgpu` or `cpu`, with as many threads as it chooses or `--threads`: plain decoding, then
// the time of a round of four rows beside one of a single row.

import { ISOLATED } from '../../tests/browser/harness.mjs';
import { measure } from './measure.mjs';

await measure({
  name: 'paceline',
  defaults: { device: 'cpu' },
  headers: ISOLATED,

  async load(flags) {
    const threads = flags.threads === undefined ? undefined : Number(flags.threads);
    const engine = await window.paceline.Paceline.load({
      target: '/model.gguf',
      device: flags.device,
      threads,
    });
    window.engine = engine;
    // Warms up, and leaves another text in the cache, so that the next prompt is read from its first token.
    window.forget = () => engine.generate('Once upon a time', { maxTokens: 8, drafter: 'none' }).result;
    await window.forget();
    return { info: engine.info };
  },

  async run(flags) {
    const run = window.engine.chat([{ role: 'user', content: flags.chat }], {
      maxTokens: Number(flags.tokens),
      drafter: 'none',
    });
    let first;
    for await (const { tokens, stats } of run) {
      if (tokens.length > 0) {
        first ??= stats;
      }
    }
    const { stats, text } = await run.result;
    await window.forget();
    return {
      prompt_tokens: stats.promptTokens - stats.reusedTokens,
      prefill_ms: first.prefillMs + first.decodeMs,
      tokens: stats.tokens - first.tokens,
      decode_ms: stats.decodeMs - first.decodeMs,
      text,
    };
  },

  async more(flags) {
    // Median time of the rounds in which so many tokens were proposed.
    const roundMs = async (proposed, options) => {
      // A text that repeats itself: lookup finds something to propose in nearly every round.
      const text = 'one two three four five six seven eight nine ten '.repeat(6);
      const times = [];
      let before = 0;
      for await (const { drafted, tokens, stats } of window.engine.generate(text, options)) {
        if (tokens.length > 0 && drafted === proposed) {
          times.push(stats.decodeMs - before);
        }
        before = stats.decodeMs;
      }
      await window.forget();
      return times.sort((a, b) => a - b)[times.length >> 1];
    };
    const maxTokens = Number(flags.tokens);
    const decode_ms = await roundMs(0, { maxTokens, drafter: 'none' });
    const verify4_ms = await roundMs(3, { maxTokens, drafter: 'ngram', gamma: 3 });
    return decode_ms && verify4_ms ? { verify: { decode_ms, verify4_ms } } : {};
  },
});
