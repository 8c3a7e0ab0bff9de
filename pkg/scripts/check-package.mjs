// Whether what would be published is in order: its form (publint), its types as every resolver sees them
// (arethetypeswrong), and how much a visitor downloads without models.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** The most that a visitor downloads without models, in bytes after brotli. */
const LIMIT = 1_300_000;
/** A page fetches this in the place of the engine that it is except for a bit. */
const INSTEAD = 'paceline_threads_bg.wasm';

const folder = fileURLToPath(new URL('..', import.meta.url));
const problems = [];

const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
if (Object.keys(manifest.dependencies ?? {}).length > 0) {
  problems.push('the package has dependencies');
}

const { messages } = await publint({ pkgDir: folder, strict: true, pack: 'npm' });
problems.push(...messages.map(message => `publint: ${formatMessage(message, manifest)}`));

const packed = mkdtempSync(join(tmpdir(), 'paceline-pack-'));
try {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', packed], { cwd: folder });
  const [{ filename }] = Object.values(JSON.parse(output));
  // Only ES modules are published, and wasm has no types.
  const options = [
    '--profile',
    'esm-only',
    '--exclude-entrypoints',
    'paceline_bg.wasm',
    INSTEAD,
    '--no-emoji',
  ];
  const attw = fileURLToPath(import.meta.resolve('@arethetypeswrong/cli/package.json')).replace(
    'package.json',
    'dist/index.js',
  );
  execFileSync(process.execPath, [attw, join(packed, filename), ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
} catch (error) {
  problems.push(`arethetypeswrong:\n${error.stdout ?? error}`);
} finally {
  rmSync(packed, { recursive: true, force: true });
}

const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
const shipped = readdirSync(join(folder, 'dist')).filter(
  name => /\.(js|wasm)$/.test(name) && name !== INSTEAD,
);
const sizes = shipped.map(
  name => brotliCompressSync(readFileSync(join(folder, 'dist', name)), quality).length,
);
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`${shipped.length} files, ${total} of at most ${LIMIT} bytes with brotli`);
if (total > LIMIT) {
  problems.push(`the package is ${total} bytes with brotli, over the limit of ${LIMIT}`);
}

for (const problem of problems) {
  console.error(problem);
}
process.exit(problems.length === 0 ? 0 : 1);
