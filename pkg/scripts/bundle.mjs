// The package's JavaScript: one file for each entry and what they share, so that a page without a bundler fetches a
// handful of files. The library that sha256.ts imports goes in: the package has no dependencies.
import { rolldown } from 'rolldown';

const NOTICE =
  '/*! With @noble/hashes: MIT License, (c) 2022 Paul Miller (paulmillr.com), https://github.com/paulmillr/noble-hashes */';
const path = relative => new URL(`../${relative}`, import.meta.url).pathname;

const entries = ['index', 'ai-sdk', 'worker', 'thread-worker', 'store-worker'];
const bundle = await rolldown({
  input: Object.fromEntries(entries.map(name => [name, path(`src/${name}.ts`)])),
  // What wasm-bindgen writes is copied beside them.
  external: ['./paceline.js'],
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  tsconfig: path('tsconfig.build.json'),
  onLog(level, log, log_) {
    if (level === 'warn') {
      throw new Error(log.message);
    }
    log_(level, log);
  },
});
await bundle.write({
  dir: path('dist'),
  format: 'es',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'shared-[hash].js',
  banner: chunk => (chunk.moduleIds.some(id => id.includes('@noble')) ? NOTICE : ''),
});
await bundle.close();
