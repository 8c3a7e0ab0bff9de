// Puts beside the bundled TypeScript what is not TypeScript: what wasm-bindgen wrote into pkg/wasm/ (worker.js imports
// ./paceline.js), and the licences.
import { copyFileSync, existsSync } from 'node:fs';

const to = name => new URL(`../dist/${name}`, import.meta.url);

for (const file of ['paceline.js', 'paceline.d.ts', 'paceline_bg.wasm', 'paceline_threads_bg.wasm']) {
  const from = new URL(`../wasm/${file}`, import.meta.url);
  if (!existsSync(from)) {
    console.error(`pkg/wasm/${file} is missing: run \`cargo xtask build\``);
    process.exit(1);
  }
  copyFileSync(from, to(file));
}
for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) {
  copyFileSync(new URL(`../../${file}`, import.meta.url), to(file));
}
