// The command line of `paceline generate`, answered by the built package in headless Chromium: USAGE below.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { start } from './harness.mjs';

const USAGE =
  'usage: generate --target FILE (--prompt TEXT | --chat TEXT) [--draft FILE|ngram|none]... [--max-tokens N] ' +
  '[--gamma N|auto] [--confidence P] [--verify token|block] [--in-flight N] [--temperature T] [--top-k K] ' +
  '[--top-p P] [--min-p P] [--repeat-penalty R] [--presence-penalty D] [--frequency-penalty D] ' +
  '[--logit-bias ID=BIAS]... [--seed N] [--device auto|webgpu|cpu] [--capacity N] [--json]';

/** Flags that are numbers, with the option that each sets. */
const NUMBERS = {
  'max-tokens': 'maxTokens',
  confidence: 'confidence',
  'in-flight': 'inFlight',
  temperature: 'temperature',
  'top-k': 'topK',
  'top-p': 'topP',
  'min-p': 'minP',
  'repeat-penalty': 'repeatPenalty',
  'presence-penalty': 'presencePenalty',
  'frequency-penalty': 'frequencyPenalty',
};

/** Wrong arguments. */
function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}

function number(name, text) {
  const value = text === undefined ? undefined : Number(text);
  if (value !== undefined && (Number.isNaN(value) || text.trim() === '')) {
    fail(`--${name} takes a number, not ${text}`);
  }
  return value;
}

function seed(text) {
  if (text !== undefined && !/^\d+$/.test(text)) {
    fail(`--seed takes a whole number, not ${text}`);
  }
  return text === undefined ? undefined : BigInt(text);
}

function bias(text) {
  const [id, value, more] = text.split('=');
  if (!/^\d+$/.test(id) || !value || more !== undefined) {
    fail(`--logit-bias takes a token id and a number, such as 1234=-5, not ${text}`);
  }
  return [Number(id), number('logit-bias', value)];
}

function readArguments() {
  const text = { type: 'string' };
  const texts = { type: 'string', multiple: true };
  let parsed;
  try {
    parsed = parseArgs({
      args: withNegativeNumbers(process.argv.slice(2)),
      allowPositionals: true,
      options: {
        target: text,
        draft: texts,
        prompt: text,
        chat: text,
        ...Object.fromEntries(Object.keys(NUMBERS).map(name => [name, text])),
        gamma: text,
        verify: text,
        seed: text,
        'logit-bias': texts,
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

/** `--flag -5` as `--flag=-5`: otherwise the number would be taken for a flag. */
function withNegativeNumbers(words) {
  return words.reduce(
    (all, word) =>
      /^-\d/.test(word) && all.at(-1)?.startsWith('--')
        ? [...all.slice(0, -1), `${all.at(-1)}=${word}`]
        : [...all, word],
    [],
  );
}

const args = readArguments();
const drafts = args.draft ?? ['none'];
const isName = draft => draft === 'none' || draft === 'ngram';
const draftFiles = drafts.filter(draft => !isName(draft));
draftFiles.length > 1 && fail('two draft models are given; give one, or add ngram to it');
const files = { '/target.gguf': args.target, ...(draftFiles.length > 0 && { '/draft.gguf': draftFiles[0] }) };
for (const file of Object.values(files)) {
  existsSync(file) || fail(`there is no file ${file}`);
}
['token', 'block', undefined].includes(args.verify) || fail(`--verify is token or block, not ${args.verify}`);
const job = {
  draft: '/draft.gguf' in files ? '/draft.gguf' : undefined,
  device: args.device,
  capacity: number('capacity', args.capacity),
  prompt: args.prompt,
  chat: args.chat,
  options: {
    ...Object.fromEntries(
      Object.entries(NUMBERS).map(([name, option]) => [option, number(name, args[name])]),
    ),
    gamma: args.gamma === 'auto' ? 'auto' : number('gamma', args.gamma),
    verify: args.verify,
    seed: seed(args.seed),
    logitBias: args['logit-bias'] && Object.fromEntries(args['logit-bias'].map(bias)),
    // As on the command line: without a draft, plain decoding.
    drafter: drafts.map(draft => (isName(draft) ? draft : 'model')).join('+'),
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
