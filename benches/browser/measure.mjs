// One engine in headless Chromium, measured on one prompt.
//
//   node benches/browser/{paceline,wllama}.mjs --model FILE --chat TEXT [--tokens N] [--runs R] [flags of the engine]
//
// Prints one JSON object. In every engine reading the prompt ends with the first token, and decoding is what follows.
// Beside the engine's own times each run has its elapsed time and the processor time that the browser got meanwhile,
// which shows a run that had to share its cores. What happens is told on standard error.

import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { start } from '../../tests/browser/harness.mjs';

/**
 * @param {object} engine
 * @param {string} engine.name for messages
 * @param {Record<string, string>} [engine.defaults] flags beyond model, chat, tokens and runs
 * @param {(flags: Record<string, string>) => Record<string, string>} [engine.mounts] folders to serve
 * @param {Record<string, string>} [engine.headers] what they are served with
 * @param {(flags: Record<string, string>) => Promise<object>} engine.load runs in the page; what it gives is reported
 * @param {(flags: Record<string, string>) => Promise<object>} engine.run runs in the page, once a run: a sample
 * @param {(flags: Record<string, string>) => Promise<object>} [engine.more] runs in the page at the end
 */
export async function measure(engine) {
  const flags = { tokens: '64', runs: '1', ...engine.defaults, ...readFlags(process.argv.slice(2)) };
  const mounts = { '/model.gguf': resolve(flags.model), ...engine.mounts?.(flags) };
  const session = await start({ mounts, headers: engine.headers });
  try {
    const page = await session.open();
    page.setDefaultTimeout(0);
    const loaded = await page.evaluate(engine.load, flags);
    const runs = [];
    for (let i = 0; i < Number(flags.runs); i++) {
      const [cpu, began] = [cpuMs(), performance.now()];
      const sample = await page.evaluate(engine.run, flags);
      runs.push({ ...sample, wall_ms: performance.now() - began, cpu_ms: cpuMs() - cpu });
      tell(engine.name, runs.at(-1));
    }
    const more = engine.more && (await page.evaluate(engine.more, flags));
    process.stdout.write(`${JSON.stringify({ engine: engine.name, ...loaded, runs, ...more })}\n`);
  } finally {
    await session.stop();
  }
}

function tell(name, { prompt_tokens, prefill_ms, tokens, decode_ms, wall_ms, cpu_ms }) {
  process.stderr.write(
    `    ${name}: prompt of ${prompt_tokens} in ${Math.round(prefill_ms)} ms, ` +
      `${tokens} tokens in ${Math.round(decode_ms)} ms, ${(cpu_ms / wall_ms).toFixed(2)} cores busy\n`,
  );
}

/** `--name value` pairs of a command line, as an object. */
function readFlags(words) {
  const flags = {};
  for (let i = 0; i < words.length; i += 2) {
    if (!words[i].startsWith('--') || words[i + 1] === undefined) {
      throw new Error(`expected --name value, found ${words[i]}`);
    }
    flags[words[i].slice(2)] = words[i + 1];
  }
  return flags;
}

/** Milliseconds of processor time of this process and all that descend from it; 0 where there is no /proc. */
function cpuMs() {
  const [parents, ticks] = [new Map(), new Map()];
  for (const pid of processes()) {
    try {
      // After the name in parentheses: state, parent, and as 12th and 13th field user and system time.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(pid, Number(fields[1]));
      ticks.set(pid, Number(fields[11]) + Number(fields[12]));
    } catch {
      // It has just ended.
    }
  }
  const ours = pid => pid === process.pid || (pid > 1 && ours(parents.get(pid) ?? 0));
  const sum = [...ticks].filter(([pid]) => ours(pid)).reduce((total, [, own]) => total + own, 0);
  return sum * 10; // Linux counts 100 ticks a second towards programs.
}

function processes() {
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
