/**
 * Gives the service worker the list of the page's files, and a version that changes whenever one of them does.
 *
 * The worker's source says `__FILES__` and `__VERSION__`; both are filled in once everything else is written.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** The worker's own name: it must not change, since browsers look for a newer one under the same. */
export const WORKER = 'sw.js';

export function precache(): Plugin {
  let publicDir = '';
  return {
    name: 'paceline-precache',
    apply: 'build',
    configResolved: config => void (publicDir = config.publicDir),
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle[WORKER];
        if (worker?.type !== 'chunk') {
          this.error(`the build has no ${WORKER}`);
        }
        const files = new Map<string, string | Uint8Array>();
        for (const [name, output] of Object.entries(bundle)) {
          if (name !== WORKER && !name.endsWith('.map')) {
            files.set(name, output.type === 'chunk' ? output.code : output.source);
          }
        }
        for (const name of readdirSync(publicDir)) {
          files.set(name, readFileSync(join(publicDir, name)));
        }
        const names = [...files.keys()].sort();
        const hash = createHash('sha256');
        for (const name of names) {
          hash.update(name).update(files.get(name) ?? '');
        }
        worker.code = worker.code
          .replace('__FILES__', JSON.stringify(['./', ...names.filter(name => name !== 'index.html')]))
          .replace('__VERSION__', JSON.stringify(hash.digest('hex').slice(0, 12)));
      },
    },
  };
}
