// The package in Node, where a process ends when nothing is left to wait for.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { test } from 'vitest';

test('a process that imports the package ends by itself, and so does one that has read a stream', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'paceline-import-'));
  const source = file => fileURLToPath(new URL(file, import.meta.url));
  try {
    const bundle = await rolldown({
      input: {
        index: source('../src/index.ts'),
        'ai-sdk': source('../src/ai-sdk.ts'),
        fake: source('fake.ts'),
      },
      resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    });
    await bundle.write({ dir: folder, format: 'es', entryFileNames: '[name].mjs' });
    await bundle.close();
    const use = `
      const { Paceline } = await import('./index.mjs');
      const { FakeWorker, chunks } = await import('./fake.mjs');
      const engine = await Paceline.load({ target: chunks(3), worker: new FakeWorker().factory });
      const { text } = await engine.generate('hello').result;
      if (text !== 'hello') throw new Error(text);
    `;
    for (const script of ["await import('./index.mjs')", "await import('./ai-sdk.mjs')", use]) {
      // A process that does not end is killed, and that is an error.
      const args = ['--input-type=module', '-e', script];
      await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 10_000 });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 40_000);
