// The command line of `paceline generate`, answered by the built package in headless Chromium:
//   node tests/browser/generate.mjs generate --target T.gguf (--prompt TEXT | --chat TEXT) [--draft D.gguf|ngram|none]
//     [--max-tokens N] [--gamma G] [--device webgpu|cpu|auto] [--capacity N] [--json]

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { start } from './harness.mjs';

const USAGE =
  'usage: generate --target FILE (--prompt TEXT | --chat TEXT) [--draft FILE|ngram|none] [--max-tokens N] ' +
  '[--gamma N] [--device auto|webgpu|cpu] [--capacity N] [--json]';

/** Wrong arguments. */
function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}

function count(name, text) {
  const value = text === undefined ? undefined : Number(text);
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
    fail(`--${name} takes a number, not ${text}`);
  }
  return value;
}

function readArguments() {
  const text = { type: 'string' };
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        target: text,
        draft: text,
        prompt: text,
        chat: text,
        'max-tokens': text,
        gamma: text,
        device: text,
        capacity: text,
        json: { type: 'boolean' },
      },
    });
  } catch (error) {
    fail(`${error.message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const commands = positionals.filter(word => word !== 'generate');
  if (
    commands.length > 0 ||
    !values.target ||
    (values.prompt === undefined) === (values.chat === undefined)
  ) {
    fail(USAGE);
  }
  return values;
}

const args = readArguments();
const named = args.draft === 'none' || args.draft === 'ngram';
const files = { '/target.gguf': args.target, ...(args.draft && !named && { '/draft.gguf': args.draft }) };
for (const file of Object.values(files)) {
  existsSync(file) || fail(`there is no file ${file}`);
}
const job = {
  draft: '/draft.gguf' in files ? '/draft.gguf' : undefined,
  device: args.device,
  capacity: count('capacity', args.capacity),
  prompt: args.prompt,
  chat: args.chat,
  options: {
    maxTokens: count('max-tokens', args['max-tokens']),
    gamma: count('gamma', args.gamma),
    // As on the command line: without a draft, plain decoding.
    drafter: named ? args.draft : args.draft ? 'model' : 'none',
  },
};
const mounts = Object.fromEntries(Object.entries(files).map(([path, file]) => [path, resolve(file)]));

const session = await start({ mounts });
try {
  const page = await session.open();
  const { error, result, info, memory } = await page.evaluate(generate, job);
  if (error) {
    report(error);
  } else if (args.json) {
    const stats = Object.entries(result.stats).map(([name, value]) => [snakeCase(name), value ?? null]);
    print({
      text: result.text,
      token_ids: result.tokenIds,
      prompt_ids: result.promptIds,
      finish_reason: result.finishReason,
      device: info.device,
      adapter: info.adapter,
      drafter: job.options.drafter,
      stats: Object.fromEntries(stats),
      software: info.software,
      variant: info.variant,
      wasm_bytes: memory.wasm,
    });
  } else {
    process.stdout.write(`${result.text}\n`);
  }
} catch (error) {
  report({ code: 'browser', message: error.message });
} finally {
  await session.stop();
}

/** Runs in the page. */
async function generate(job) {
  const { Paceline } = window.paceline;
  const { draft, device, capacity, options } = job;
  try {
    const engine = await Paceline.load({ target: '/target.gguf', draft, device, capacity });
    const run =
      job.chat === undefined
        ? engine.generate(job.prompt, options)
        : engine.chat([{ role: 'user', content: job.chat }], options);
    const result = await run.result;
    const memory = await engine.memory();
    engine.dispose();
    return { result, info: engine.info, memory };
  } catch ({ code, message }) {
    return { error: { code, message } };
  }
}

function report(error) {
  if (args.json) {
    print({ error });
  }
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}

function print(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}
