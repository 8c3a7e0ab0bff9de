// The peer: wllama (llama.cpp in wasm) on the CPU. `--package` is the folder of an installed `@wllama/wllama`,
// `--threads` how many it may use. The figures are wllama's own, which leave its message passing out.

import { resolve } from 'node:path';
import { measure } from './measure.mjs';

await measure({
  name: 'wllama',
  defaults: { threads: '1' },
  mounts: flags => ({ '/wllama': resolve(flags.package) }),

  async load(flags) {
    const { Wllama } = await import('/wllama/esm/index.js');
    const model = await (await fetch('/model.gguf')).blob();
    const quiet = { debug() {}, log() {}, warn() {}, error: console.error };
    const wllama = new Wllama(
      { default: '/wllama/esm/wasm/wllama.wasm' },
      { suppressNativeLog: true, logger: quiet },
    );
    wllama.setCompat(null);
    // No WebGPU: without shader-f16 wllama falls back to the CPU silently, and it is CPU engines that are compared.
    const threads = Number(flags.threads);
    await wllama.loadModel([model], { n_ctx: 2048, n_threads: threads, n_gpu_layers: 0, n_parallel: 1 });
    window.chat = (content, tokens) =>
      wllama.createChatCompletion({
        messages: [{ role: 'user', content }],
        max_tokens: tokens,
        temperature: 0,
        cache_prompt: false,
      });
    // The browser compiles wasm a second time, better, once it has run for a while.
    await window.chat('Say hello.', 8);
    return { threads: wllama.isMultithread() ? wllama.getNumThreads() : 1 };
  },

  async run(flags) {
    const { timings, choices } = await window.chat(flags.chat, Number(flags.tokens));
    return {
      prompt_tokens: timings.prompt_n,
      prefill_ms: timings.prompt_ms,
      // Its clock for these starts when the first token is there.
      tokens: timings.predicted_n - 1,
      decode_ms: timings.predicted_ms,
      text: choices[0].message.content,
    };
  },
});
