// Puts what wasm-bindgen wrote into pkg/wasm/ beside the compiled TypeScript: worker.js imports ./paceline.js.
import { copyFileSync, existsSync } from 'node:fs';

const files = ['paceline.js', 'paceline.d.ts', 'paceline_bg.wasm'];
for (const file of files) {
  const from = new URL(`../wasm/${file}`, import.meta.url);
  if (!existsSync(from)) {
    console.error(`pkg/wasm/${file} is missing: run \`cargo xtask build\``);
    process.exit(1);
  }
  copyFileSync(from, new URL(`../dist/${file}`, import.meta.url));
}
