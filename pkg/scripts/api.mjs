// docs/api.md, from the types and their comments. With --check, says whether it is up to date.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('..', import.meta.url));
const target = fileURLToPath(new URL('../../docs/api.md', import.meta.url));
const typedoc = join(fileURLToPath(import.meta.resolve('typedoc')), '../../bin/typedoc');

const made = mkdtempSync(join(tmpdir(), 'paceline-api-'));
let text;
try {
  execFileSync(process.execPath, [typedoc, '--out', made, '--logLevel', 'Warn'], {
    cwd: folder,
    stdio: 'inherit',
  });
  const page = name => readFileSync(join(made, name), 'utf8').trim();
  const sdk = page('ai-sdk.md')
    .replaceAll('index.md#', '#')
    .replace(/^# ai-sdk/, '# paceline/ai-sdk');
  text = [
    '<!-- Made by `npm run api -w pkg` from the types. Change those. -->',
    page('index.md').replace(/^# index/, '# paceline'),
    sdk,
    '',
  ].join('\n\n');
} finally {
  rmSync(made, { recursive: true, force: true });
}

if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('docs/api.md is not that of the types: run `npm run api -w pkg`');
  process.exit(1);
}
