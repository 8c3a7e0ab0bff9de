// The models of the browser tests: small ones made of random weights, and the real one where there is one.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT, TARGET } from './harness.mjs';

const NAME = 'SmolLM2-135M-Instruct.Q4_1.gguf';

/** The real model's path. */
export const MODEL = process.env.PACELINE_MODEL ?? join(cacheFolder(), 'paceline', NAME);

if (!existsSync(MODEL)) {
  throw new Error(`there is no ${MODEL}; run \`cargo xtask setup\``);
}

/** Makes the small models and gives their folder (see `examples/tiny_model.rs`). */
export function tinyModels() {
  const folder = join(TARGET, 'tiny-models');
  // As the Rust tests are compiled, so that dependencies are not compiled once more for this.
  const args = [
    'run',
    '--quiet',
    '--package',
    'paceline',
    '--features',
    'learn',
    '--example',
    'tiny_model',
    '--',
    folder,
    MODEL,
  ];
  execFileSync('cargo', args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  return folder;
}

/** Runs of the float32 reference: prompts, ids, and how sure it was at each step. */
export function reference() {
  const folders = [process.env.PACELINE_SHARED, join(ROOT, 'tests/fixtures')].filter(Boolean);
  const paths = folders.flatMap(f => [
    join(f, 'data/greedy_reference.json'),
    join(f, 'greedy_reference.json'),
  ]);
  const path = paths.find(existsSync);
  if (!path) {
    throw new Error(`no greedy_reference.json in ${folders.join(' or ')}; set PACELINE_SHARED to its folder`);
  }
  return JSON.parse(readFileSync(path, 'utf8')).runs;
}

/** Steps of a reference run before the first whose two best tokens are within `margin`: there, either is right. */
export function certainSteps({ ids, top3 }, margin = 0.02) {
  const unsure = top3.findIndex(([[, best], [, second]]) => best - second < margin);
  return unsure < 0 ? ids.length : unsure;
}

function cacheFolder() {
  return process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
}
