// A soak of the built package in headless Chromium: `node tests/browser/soak.mjs [--minutes N] [--seed N]`.
//
// Random options, drafters, prompts, aborts and sessions, on both devices in turn, until the time is up. Every greedy
// text is checked against plain decoding in a fresh session, every sampled one that a seed determines against the same
// once more. Ends with one line, and with an error where a text was wrong or memory grew.

import { parseArgs } from 'node:util';
import { start } from './harness.mjs';
import { tinyModels } from './models.mjs';

const MIB = 1 << 20;
/** The share of the time after which memory must not grow any more. */
const WARM_UP = 0.2;
/** Growth that may come later, in bytes: allocators take some, whatever is freed. */
const SLACK = 2 * MIB;
const MAX_SESSIONS = 4;
const WORDS =
  'the lore of a pace line, and then in here again: over there it ran on (so they say) 42 times.'.split(' ');

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes ?? 5);
const seed = Number(values.seed ?? Date.now() % 1e6);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: soak [--minutes N] [--seed N]\n');
  process.exit(2);
}

/** Mulberry32: the same choices again with the same seed. */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const chance = p => random() < p;
const below = n => Math.floor(random() * n);
const pick = all => all[below(all.length)];
const text = words => Array.from({ length: words }, () => pick(WORDS)).join(' ');

/** How the target writes. */
function law() {
  const sampled = chance(0.4);
  return {
    maxTokens: 1 + below(pick([8, 40, 120])),
    ...(sampled && { temperature: 0.2 + 1.3 * random(), seed: below(1e6) }),
    ...(sampled && chance(0.3) && { topK: 1 + below(60) }),
    ...(sampled && chance(0.3) && { topP: 0.3 + 0.7 * random() }),
    ...(sampled && chance(0.3) && { minP: 0.2 * random() }),
    ...(chance(0.2) && { repeatPenalty: 0.8 + random(), penaltyWindow: below(257) }),
    ...(chance(0.2) && { presencePenalty: random() - 0.3, frequencyPenalty: random() - 0.3 }),
    ...(chance(0.1) && { logitBias: { [below(288)]: 20 * random() - 10 } }),
  };
}

/** How it is sped up. */
function speculation() {
  return {
    drafter: pick(['none', 'ngram', 'model', 'ngram+model', undefined]),
    gamma: pick([undefined, 'auto', below(16), 4]),
    verify: pick(['token', 'block', undefined]),
    inFlight: pick([undefined, 1 + below(8), 2]),
    confidence: pick([undefined, 0, random()]),
  };
}

/** Something to do in a session: a number, or a prompt that goes on from what was said there. */
function job() {
  return {
    session: below(MAX_SESSIONS),
    prompt: chance(0.3) ? undefined : text(1 + below(pick([4, 30]))),
    more: text(1 + below(6)),
    law: law(),
    speculation: speculation(),
    abortAfter: chance(0.25) ? below(12) : undefined,
  };
}

const browser = await start({ mounts: { '/models': tinyModels() } });
const total = { generations: 0, aborted: 0, wrong: 0 };
const memory = { first: 0, last: 0 };
try {
  const page = await browser.open();
  const failures = [];
  page.on('pageerror', error => failures.push(`the page: ${error.message}`));
  await page.evaluate(prepare, MAX_SESSIONS);
  const began = Date.now();
  const end = began + minutes * 60_000;
  let told = began;
  for (let turn = 0; Date.now() < end; turn++) {
    const device = ['cpu', 'webgpu'][turn % 2];
    const jobs = chance(0.3) ? [job(), { ...job(), session: MAX_SESSIONS }] : [job()];
    const outcome = await page.evaluate(
      ([device, jobs, reopen]) => window.turn(device, jobs, reopen),
      [device, jobs, chance(0.2) ? below(MAX_SESSIONS) + 1 : undefined],
    );
    total.generations += outcome.generations;
    total.aborted += outcome.aborted;
    failures.push(...outcome.failures);
    total.wrong += failures.length;
    failures
      .splice(0)
      .forEach(failure => process.stderr.write(`WRONG in turn ${turn} on ${device}: ${failure}\n`));
    memory.last = sum(outcome.memory);
    const passed = (Date.now() - began) / (end - began);
    if (passed < WARM_UP || memory.first === 0) {
      memory.first = memory.last;
    }
    if (Date.now() - told > 30_000) {
      told = Date.now();
      const each = Object.entries(outcome.memory).map(([device, bytes]) => `${device} ${mib(bytes)}`);
      process.stderr.write(`${Math.round(passed * 100)} %: ${line()} (${each.join(', ')})\n`);
    }
  }
} finally {
  await browser.stop();
}
process.stdout.write(`soak: ${line()}\n`);
process.exitCode = total.wrong > 0 || memory.last > memory.first + SLACK ? 1 : 0;

function mib(bytes) {
  return (bytes / MIB).toFixed(1);
}

function sum(parts) {
  return Object.values(parts).reduce((a, b) => a + b);
}

function line() {
  const { generations, aborted, wrong } = total;
  return `${generations} generations, ${aborted} aborted, ${wrong} wrong, memory ${mib(memory.first)} -> ${mib(memory.last)} MiB`;
}

/** Runs in the page: an engine on each device, with sessions 1 to `count`; session 0 is the engine itself. */
async function prepare(count) {
  const engines = {};
  for (const device of ['cpu', 'webgpu']) {
    const paths = { target: '/models/target.gguf', draft: '/models/draft.gguf' };
    const engine = await window.paceline.Paceline.load({ ...paths, device });
    const others = await Promise.all(Array.from({ length: count }, () => engine.session()));
    engines[device] = { engine, sessions: [engine, ...others], said: [] };
  }

  window.turn = async (device, jobs, reopen) => {
    const { engine, sessions, said } = engines[device];
    if (reopen !== undefined) {
      await sessions[reopen].close();
      sessions[reopen] = await engine.session();
    }
    const outcome = { generations: 0, aborted: 0, failures: [], memory: {} };
    await Promise.all(jobs.map(job => run(engine, sessions, said, job, outcome)));
    for (const [device, { engine }] of Object.entries(engines)) {
      outcome.memory[device] = (await engine.memory()).wasm;
    }
    return outcome;
  };

  async function run(engine, sessions, said, job, outcome) {
    const { session, law, speculation, abortAfter } = job;
    // What was said before grows for a while, then the conversation begins anew.
    const before = said[session]?.length < 400 ? said[session] : undefined;
    const prompt = job.prompt ?? `${before ?? ''} ${job.more}`;
    const options = { ...law, ...speculation };
    try {
      const generate = (on, options) => on.generate(prompt, options);
      const controller = new AbortController();
      const started = generate(sessions[session], { ...options, signal: controller.signal });
      outcome.generations++;
      if (abortAfter !== undefined) {
        let pieces = 0;
        try {
          for await (const _ of started) {
            pieces++ === abortAfter && controller.abort();
          }
        } catch (error) {
          if (error.name !== 'AbortError') {
            throw error;
          }
          outcome.aborted++;
        }
        return;
      }
      const { text, tokenIds, finishReason } = await started.result;
      said[session] = prompt + text;

      const greedy = law.temperature === undefined;
      const certain = typeof speculation.gamma === 'number' && speculation.inFlight !== undefined;
      if (greedy || certain) {
        const fresh = await engine.session();
        const again = greedy ? { ...law, drafter: 'none' } : options;
        const expected = await generate(fresh, again).result;
        await fresh.close();
        outcome.generations++;
        if (`${expected.tokenIds}` !== `${tokenIds}` || expected.finishReason !== finishReason) {
          const what = JSON.stringify({ prompt, ...options });
          outcome.failures.push(`${what}: ${tokenIds} (${finishReason}), not ${expected.tokenIds}`);
        }
      }
    } catch (error) {
      if (error.code === 'prompt-too-long') {
        said[session] = undefined;
        return;
      }
      outcome.failures.push(
        `${JSON.stringify({ prompt, ...options })}: ${error.code ?? error.name} ${error.message}`,
      );
    }
  }
}
