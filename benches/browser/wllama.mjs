// The peer: wllama (llama.cpp in wasm) on the CPU, same file, prompt and token count as ours.
//
//   node wllama.mjs --package DIR --model FILE --chat TEXT --tokens N --runs R [--threads 1]
//
// `--package` is an installed `@wllama/wllama`. Prints one JSON object; the figures are wllama's own timings, which
// leave its message passing out.

import { measurePage } from './harness.mjs';

await measurePage(import.meta.url, 'wllama.html', '/wllama', { threads: '1' });
