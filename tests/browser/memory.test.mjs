// What the package takes on the CPU: a chat of some 500 tokens on the real model, at the capacity that it has by default.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ROOT, start } from './harness.mjs';
import { MODEL } from './models.mjs';

const MB = 1e6;
const DRAFT = `${ROOT}models/SmolLM2-135M-Instruct.draft.gguf`;

let session;

before(async () => {
  session = await start({ mounts: { '/real.gguf': MODEL, '/draft.gguf': DRAFT } });
});

after(() => session?.stop());

/** Loads and chats: bytes once loaded, and afterwards. */
async function chat(options) {
  const page = await session.open();
  try {
    return await page.evaluate(async options => {
      const engine = await paceline.Paceline.load({ target: '/real.gguf', device: 'cpu', ...options });
      const loaded = await engine.memory();
      const content = 'Tell the long story of a heat pump, and of the village that it warmed. '.repeat(23);
      const { stats } = await engine.chat([{ role: 'user', content }], { maxTokens: 60 }).result;
      const memory = await engine.memory();
      engine.dispose();
      return { loaded, memory, tokens: stats.promptTokens + stats.tokens, pages: stats.pages };
    }, options);
  } finally {
    await page.close();
  }
}

describe('a chat of some 500 tokens', () => {
  for (const [name, most, options] of [
    ['the model alone', 190, {}],
    ['with a draft', 205, { draft: '/draft.gguf' }],
    ['with caches of f16', 180, { kvCache: 'f16' }],
  ]) {
    test(`takes at most ${most} MB: ${name}`, async t => {
      const { loaded, memory, tokens, pages } = await chat(options);
      const { target } = memory;
      t.diagnostic(
        `${tokens} tokens: ${(memory.wasm / MB).toFixed(1)} MB, ${(loaded.wasm / MB).toFixed(1)} MB of them once loaded; ${JSON.stringify(memory)}`,
      );
      assert.ok(tokens > 400 && tokens < 600, `${tokens} tokens`);
      assert.ok(memory.wasm <= most * MB, `${memory.wasm} bytes`);
      assert.equal(loaded.target.caches, 0, 'nothing up front');
      // 30 layers of 192 keys and as many values at each of the 64 positions of a page.
      const page = 30 * 2 * 192 * 64 * (options.kvCache === 'f16' ? 2 : 4);
      assert.equal(target.caches % page, 0);
      const least = Math.ceil((tokens - 1) / 64);
      assert.ok(target.caches / page >= least && target.caches / page <= least + 1, `${target.caches} bytes`);
      assert.ok(pages >= target.caches / page, `${pages} pages were counted`);
    });
  }
});
