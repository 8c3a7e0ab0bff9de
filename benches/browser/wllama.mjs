// The peer: wllama (llama.cpp in wasm) on one thread of the CPU, same file, prompt and token count as ours.
//
//   node wllama.mjs --package DIR --model FILE --chat TEXT --tokens N --runs R [--threads T]
//
// `--package` is an installed `@wllama/wllama`. Prints one JSON object; the figures are wllama's own timings, which
// leave its message passing out.

import { fileURLToPath } from 'node:url';
import { dirname } from 'node:path';
import { parseFlags, runPage } from './harness.mjs';

const flags = parseFlags(process.argv.slice(2));
const query = new URLSearchParams({
  chat: flags.chat, tokens: flags.tokens ?? '64', runs: flags.runs ?? '3', threads: flags.threads ?? '1',
});
const result = await runPage({
  mounts: {
    '/bench': dirname(fileURLToPath(import.meta.url)),
    '/wllama': flags.package,
    '/model.gguf': flags.model,
  },
  page: `/bench/wllama.html?${query}`,
});
console.log(JSON.stringify(result));
