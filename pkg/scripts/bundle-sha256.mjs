// Puts the SHA-256 library into dist/store/sha256.js, the one file that imports it: the package has no dependencies.
import { rolldown } from 'rolldown';

const file = new URL('../dist/store/sha256.js', import.meta.url).pathname;
const bundle = await rolldown({ input: file });
await bundle.write({ file, format: 'es', sourcemap: true, minify: { compress: true, mangle: false } });
await bundle.close();
