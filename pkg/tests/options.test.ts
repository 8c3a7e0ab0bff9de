import { jsonSchema, tool } from 'ai';
import { afterEach, describe, expect, test } from 'vitest';
import { paceline } from '../src/ai-sdk.js';
import { Paceline } from '../src/engine/engine.js';
import { PacelineError } from '../src/errors.js';
import { GENERATE, LOAD } from '../src/options/tables.js';
import { ModelStore } from '../src/store/model-store.js';
import { DOWNLOAD, IMPORT } from '../src/store/options.js';
import type { EngineInfo } from '../src/types/load.js';
import { chunks, FakeBackend, FakeWorker, INFO } from './fake.js';

const engines: Paceline[] = [];
afterEach(() => engines.splice(0).forEach(engine => engine.dispose()));

async function setUp(info?: Partial<EngineInfo>) {
  const backend = new FakeBackend();
  backend.info = { ...INFO, ...info };
  const worker = new FakeWorker(backend);
  const engine = await Paceline.load({ target: chunks(3), worker: worker.factory });
  engines.push(engine);
  return { backend, engine, worker };
}

/** What a call ends with, however it fails; `undefined` where it does not. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A `PacelineError` with `code` that says each of `words`. */
async function refused(call: () => unknown, code: string, ...words: string[]): Promise<void> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(PacelineError);
  expect(error).toMatchObject({ code });
  for (const word of words) {
    expect((error as Error).message).toContain(word);
  }
}

const MESSAGES = [{ role: 'user', content: 'x' }];

/** Values that an option cannot have, each with the code that it is refused with. */
const WRONG: Record<keyof typeof GENERATE, [unknown, string?][]> = {
  maxTokens: [[-1], [1.5], ['many'], [NaN], [Infinity], [2 ** 32], [null]],
  drafter: [[5], ['oracle', 'drafter-unknown']],
  gamma: [['many'], [-1], [1.5], [{}]],
  confidence: [[2], [-0.1], [NaN], ['0.5']],
  verify: [[true], ['sometimes', 'verifier-unknown']],
  lossy: [
    [5],
    [{ kind: 'cubic', epsilon: 0.5 }],
    [{ kind: 'linear', epsilon: 2 }, 'sampling-range'],
    [{ kind: 'linear', epsilon: '1' }],
    [{ kind: 'linear' }],
    [{ kind: 'linear', epsilon: 1, delta: 1 }],
  ],
  inFlight: [[-1], [0.5]],
  temperature: [[NaN, 'sampling-range'], ['hot'], [null], [-1, 'sampling-range'], [1e-4, 'sampling-range']],
  topK: [[-1], [1.5]],
  topP: [
    [NaN, 'sampling-range'],
    [1.1, 'sampling-range'],
  ],
  minP: [['0'], [-1, 'sampling-range']],
  repeatPenalty: [[false], [0, 'sampling-range']],
  presencePenalty: [[[]], [Infinity, 'sampling-range']],
  frequencyPenalty: [[{}], [1e39, 'sampling-range']],
  penaltyWindow: [[0.5], [257, 'sampling-range']],
  logitBias: [
    [5],
    [[[7, 1]]],
    [{ x: 1 }],
    [{ 1.5: 1 }],
    [{ '-1': 1 }],
    [{ '01': 1 }],
    [{ 7: '1' }],
    [{ 7: NaN }, 'sampling-range'],
    [{ 7: Infinity }, 'sampling-range'],
    [new Map([['x', 1]])],
    [Object.fromEntries(Array.from({ length: 257 }, (_, id) => [id, 1])), 'logit-bias-too-many'],
  ],
  seed: [[2 ** 53], [-1], [1.5], [2n ** 64n], [-1n], ['7']],
  stop: [[5], [''], [['a', '']], [[5]], [null]],
  logprobs: [[1], ['yes']],
  signal: [[5], [{}], [{ aborted: false, addEventListener: () => {} }]],
  onPrefill: [[5]],
};

describe('generate and chat', () => {
  test.each(Object.entries(WRONG))('%s has its name in the error', async (name, cases) => {
    const { engine, worker } = await setUp();
    const sent = worker.sent.length;
    for (const [value, code = 'invalid-option'] of cases) {
      const options = { [name]: value };
      await refused(() => engine.generate('x', options).result, code, name);
      await refused(() => engine.chat(MESSAGES, options).result, code, name);
    }
    expect(worker.sent.length).toBe(sent);
    expect((await engine.generate('ok').result).text).toBe('ok');
  });

  test('an error comes by iteration too, and is never thrown by the call itself', async () => {
    const { engine } = await setUp();
    const run = engine.generate('x', { seed: -1 });
    await refused(async () => {
      for await (const _ of run) {
        // Nothing comes.
      }
    }, 'invalid-option');
  });

  test('an option that does not exist is refused, with the one that may be meant', async () => {
    const { engine } = await setUp();
    for (const [name, meant] of [
      ['maxToken', 'did you mean maxTokens?'],
      ['max_tokens', 'did you mean maxTokens?'],
      ['temprature', 'did you mean temperature?'],
      ['top_k', 'did you mean topK?'],
      ['stops', 'did you mean stop?'],
      ['colour', 'maxTokens, drafter'],
    ] as const) {
      await refused(() => engine.generate('x', { [name]: 1 }).result, 'invalid-option', name, meant);
    }
    for (const name of ['tools', 'tool_choice', 'response_format', 'responseFormat', 'n', 'topLogprobs']) {
      await refused(() => engine.chat(MESSAGES, { [name]: ['x'] }).result, 'unsupported', name);
    }
    // @ts-expect-error what does not exist is a mistake in TypeScript too
    await refused(() => engine.generate('x', { maxToken: 1 }).result, 'invalid-option');
  });

  test('undefined is as good as nothing, and every limit is inside', async () => {
    const { engine } = await setUp();
    const nothing = Object.fromEntries(Object.keys(GENERATE).map(name => [name, undefined]));
    expect((await engine.generate('ok', nothing).result).text).toBe('ok');
    for (const options of [
      {
        maxTokens: 2 ** 32 - 1,
        seed: Number.MAX_SAFE_INTEGER,
        temperature: 0.001,
        topK: 0,
        topP: 0,
        minP: 1,
      },
      { maxTokens: 50, seed: 2n ** 64n - 1n, temperature: 1000, topP: 1, minP: 0, confidence: 1 },
      {
        gamma: 0,
        inFlight: 0,
        penaltyWindow: 256,
        repeatPenalty: 0.001,
        lossy: { kind: 'linear', epsilon: 0.01 },
      },
      { logitBias: {}, stop: [], confidence: 0, logprobs: false },
    ] as const) {
      expect((await engine.generate('ok', options).result).text).toBe('ok');
    }
    expect((await engine.generate('ok', { maxTokens: 0 }).result).finishReason).toBe('length');
  });

  test('options and prompts that are none', async () => {
    const { engine } = await setUp();
    for (const options of [null, 5, 'x', [], () => {}]) {
      await refused(() => engine.generate('x', options as never).result, 'invalid-option', 'options');
      await refused(() => engine.chat(MESSAGES, options as never).result, 'invalid-option', 'options');
    }
    for (const prompt of [
      null,
      undefined,
      5,
      {},
      true,
      [1.5],
      [-1],
      ['x'],
      [2 ** 32],
      new Set([1]),
      () => {},
      { length: 2 ** 32 },
    ]) {
      await refused(() => engine.generate(prompt as never).result, 'invalid-option', 'prompt');
    }
    expect((await engine.generate(Uint32Array.of(104, 105)).result).text).toBe('hi');
  });

  test('what the caller changes afterwards changes nothing', async () => {
    const { engine } = await setUp();
    const ids = [104, 105];
    const options = { maxTokens: 2, stop: ['z'] };
    const run = engine.generate(ids, options);
    ids.push(106);
    options.maxTokens = 0;
    options.stop.push('h');
    expect((await run.result).text).toBe('hi');
  });
});

describe('names', () => {
  const toy = { name: 'toy', about: 'a toy' };
  const host = { runs: 'host', needsDraft: false } as const;

  test('are those that the engine has', async () => {
    const { engine, backend } = await setUp({
      drafters: [...INFO.drafters, { ...toy, ...host }],
      verifiers: [toy],
      lossy: [toy],
    });
    for (const drafter of ['none', 'toy', 'toy+model', 'ngram+toy+model']) {
      const options = { drafter, verify: 'toy', lossy: { kind: 'toy', epsilon: 0.5 } };
      await engine.generate('x', options).result;
      expect(backend.engine?.options).toEqual(options);
      await paceline(engine, { drafter }).doGenerate({
        prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      });
      await engine.chat.completions.create({ messages: MESSAGES, paceline: options });
      expect(backend.engine?.options).toMatchObject(options);
    }
    for (const [options, code, message] of [
      [
        { drafter: 'toy+oracle' },
        'drafter-unknown',
        'drafter is "toy+oracle"; it must be "none", "ngram", "model" or "toy", or several of them with + between',
      ],
      [{ verify: 'block' }, 'verifier-unknown', 'verify is "block"; it must be "toy"'],
      [
        { lossy: { kind: 'linear', epsilon: 0.5 } },
        'invalid-option',
        'lossy.kind is "linear"; it must be "toy"',
      ],
    ] as const) {
      await refused(() => engine.generate('x', options).result, code, message);
      const create = () => engine.chat.completions.create({ messages: MESSAGES, paceline: options });
      await refused(create, code, `paceline.${message}`);
    }
  });

  test('of an engine are those of its sessions, for the AI SDK too', async () => {
    const { engine } = await setUp({ drafters: [{ ...toy, ...host, needsDraft: true }] });
    const session = await engine.session();
    await refused(() => session.generate('x', { drafter: 'ngram' }).result, 'drafter-unknown', '"toy"');
    await refused(() => paceline(session, { drafter: 'ngram' }), 'drafter-unknown', '"toy"');
    expect(paceline(session, { drafter: 'toy' }).modelId).toBe('paceline');
  });

  test('that may need a draft are left to an engine that has none', async () => {
    const { engine, backend } = await setUp({ drafters: [{ ...toy, ...host }] });
    await engine.generate('x', { drafter: 'model' }).result;
    expect(backend.engine?.options).toEqual({ drafter: 'model' });
  });
});

/** What is a mistake for TypeScript; nobody calls it. */
export async function mistakes(engine: Paceline): Promise<void> {
  const messages = [{ role: 'user', content: 'x' }];
  // @ts-expect-error an option that does not exist
  engine.generate('x', { maxToken: 1 });
  // @ts-expect-error a value of another type
  engine.chat(messages, { temperature: 'hot' });
  // @ts-expect-error no content
  engine.chat([{ role: 'user' }]);
  // @ts-expect-error calls of tools
  engine.chat([{ role: 'assistant', content: 'x', tool_calls: [] }]);
  // @ts-expect-error tools
  await engine.chat.completions.create({ messages, tools: [{ type: 'function' }] });
  // @ts-expect-error a choice of tools
  await engine.chat.completions.create({ messages, tool_choice: 'auto' });
  // @ts-expect-error an option that does not exist
  await Paceline.load({ target: 'x', devices: 'cpu' });
  // @ts-expect-error no target
  await Paceline.load({});
  // @ts-expect-error a setting that does not exist
  paceline(engine, { temperature: 1 });
}

describe('messages', () => {
  test.each<[string, unknown, string, string]>([
    ['no list', 'hello', 'invalid-option', 'messages'],
    ['nothing', undefined, 'invalid-option', 'messages'],
    ['none', [], 'invalid-option', 'messages'],
    ['no object', ['hello'], 'invalid-option', 'messages[0]'],
    ['null', [null], 'invalid-option', 'messages[0]'],
    ['a number as content', [{ role: 'user', content: 5 }], 'invalid-option', 'messages[0].content'],
    [
      'null as content',
      [...MESSAGES, { role: 'user', content: null }],
      'invalid-option',
      'messages[1].content',
    ],
    ['no content', [{ role: 'user' }], 'invalid-option', 'messages[0].content'],
    ['no role', [{ content: 'x' }], 'invalid-option', 'messages[0].role'],
    ['a role that is no word', [{ role: 5, content: 'x' }], 'invalid-option', 'messages[0].role'],
    ['a slip', [{ role: 'user', contents: 'x' }], 'invalid-option', 'messages[0].content'],
    [
      'calls',
      [{ role: 'assistant', content: '', tool_calls: [{}] }],
      'unsupported',
      'messages[0].tool_calls',
    ],
    [
      'an answer',
      [{ role: 'user', content: 'x', tool_call_id: '1' }],
      'unsupported',
      'messages[0].tool_call_id',
    ],
    ['a name that is none', [{ role: 'user', content: 'x', name: 5 }], 'invalid-option', 'messages[0].name'],
    [
      'calls in camel case',
      [{ role: 'assistant', content: '', toolCalls: [{}] }],
      'unsupported',
      'messages[0].toolCalls',
    ],
    ['pictures', [{ role: 'user', content: '', images: ['x'] }], 'unsupported', 'messages[0].images'],
    ['sound', [{ role: 'assistant', content: '', audio: { id: 'x' } }], 'unsupported', 'messages[0].audio'],
  ])('with %s', async (_, messages, code, word) => {
    const { engine } = await setUp();
    await refused(() => engine.chat(messages as never).result, code, word);
    await refused(() => engine.render(messages as never), code, word);
    await refused(() => engine.chat.completions.create({ messages: messages as never }), code, word);
  });

  test.each<[string, unknown, string, string]>([
    ['a tool’s turn', { role: 'tool', content: 'x' }, 'unsupported', 'messages[0].role "tool"'],
    ['a function’s turn', { role: 'function', content: 'x' }, 'unsupported', 'messages[0].role "function"'],
    ['a refusal', { role: 'assistant', content: 'x', refusal: 'no' }, 'unsupported', 'messages[0].refusal'],
    [
      'a picture',
      part({ type: 'image_url', image_url: {} }),
      'unsupported',
      'content[0] of type "image_url"',
    ],
    ['sound', part({ type: 'input_audio' }), 'unsupported', 'content[0] of type "input_audio"'],
    ['a part without text', part({ type: 'text' }), 'invalid-option', 'messages[0].content[0].text'],
    ['a part without type', part({ text: 'x' }), 'invalid-option', 'messages[0].content[0].type'],
    ['a part that is none', part(5), 'invalid-option', 'messages[0].content[0]'],
    ['no part', part(null), 'invalid-option', 'messages[0].content[0]'],
  ])('of OpenAI’s API with %s', async (_, message, code, word) => {
    const { engine } = await setUp();
    const create = () => engine.chat.completions.create({ messages: [message as never] });
    await refused(create, code, word);
  });

  test('an answer can be sent back as it came', async () => {
    const { engine } = await setUp();
    const { choices } = await engine.chat.completions.create({ messages: MESSAGES });
    const messages = [...MESSAGES, choices[0].message, ...MESSAGES];
    const again = await engine.chat.completions.create({ messages });
    expect(again.choices[0].message.content).toBe('x\nx\nx');
    const empty = { tool_calls: [], tool_call_id: null, name: undefined, function_call: null };
    const { result } = engine.chat([{ ...MESSAGES[0]!, ...(empty as object) }]);
    expect((await result).text).toBe('x');
  });

  test('may have what is the page’s own', async () => {
    const { engine } = await setUp();
    const own = { id: '1', createdAt: new Date(), name: 'Ann', state: { open: true } };
    const messages = MESSAGES.map(message => ({ ...message, ...own }));
    expect((await engine.chat(messages).result).text).toBe('x');
    const content = [{ type: 'text' as const, text: 'y', cache: {} }];
    const answer = { role: 'assistant', content: null, ...own };
    const all = [...messages, answer, { role: 'user', content }];
    const { choices } = await engine.chat.completions.create({ messages: all });
    expect(choices[0].message.content).toBe('x\n\ny');
  });

  function part(part: unknown) {
    return { role: 'user', content: [part] };
  }
});

describe('chat.completions.create', () => {
  test.each<[string, unknown, string, string?]>([
    ['temperature', NaN, 'sampling-range'],
    ['temperature', -1, 'sampling-range'],
    ['top_p', 2, 'sampling-range'],
    ['top_p', 'x', 'invalid-option'],
    ['seed', 2 ** 53, 'invalid-option'],
    ['max_tokens', -1, 'invalid-option'],
    ['max_completion_tokens', 1.5, 'invalid-option'],
    ['stop', 5, 'invalid-option'],
    ['stop', '', 'invalid-option'],
    ['logit_bias', { x: 1 }, 'invalid-option'],
    ['presence_penalty', '1', 'invalid-option'],
    ['frequency_penalty', Infinity, 'sampling-range'],
    ['n', 0, 'invalid-option'],
    ['n', 2, 'unsupported'],
    ['logprobs', 1, 'invalid-option'],
    ['top_logprobs', 5, 'unsupported'],
    ['top_logprobs', -1, 'invalid-option'],
    ['response_format', 'json', 'invalid-option'],
    ['response_format', { type: 'json_object' }, 'unsupported'],
    ['tools', [{}], 'unsupported'],
    ['tool_choice', 'auto', 'unsupported'],
    ['tool_choice', 'required', 'unsupported'],
    ['tool_choice', { type: 'function' }, 'unsupported'],
    ['functions', [{}], 'unsupported'],
    ['function_call', { name: 'f' }, 'unsupported'],
    ['audio', {}, 'unsupported'],
    ['modalities', ['text', 'audio'], 'unsupported'],
    ['reasoning_effort', 'high', 'unsupported'],
    ['prediction', { type: 'content' }, 'unsupported'],
    ['store', 5, 'invalid-option'],
    ['metadata', 'x', 'invalid-option'],
    ['prompt_cache_key', 5, 'invalid-option'],
    ['service_tier', 'priority', 'unsupported'],
    ['verbosity', 'low', 'unsupported'],
    ['web_search_options', {}, 'unsupported'],
    ['model', 5, 'invalid-option'],
    ['user', 5, 'invalid-option'],
    ['stream', 'yes', 'invalid-option'],
    ['stream_options', 5, 'invalid-option'],
    ['stream_options', { include_usage: 1 }, 'invalid-option', 'stream_options.include_usage'],
    ['stream_options', { usage: true }, 'invalid-option', 'stream_options.usage'],
    ['paceline', 5, 'invalid-option'],
    ['paceline', { gamma: 'x' }, 'invalid-option', 'paceline.gamma'],
    ['paceline', { temperature: 1 }, 'invalid-option', 'paceline.temperature'],
    ['max_token', 5, 'invalid-option', 'did you mean max_tokens?'],
    ['maxTokens', 5, 'invalid-option', 'did you mean max_tokens?'],
    ['top_k', 5, 'invalid-option', 'did you mean paceline.topK?'],
    ['min_p', 5, 'invalid-option', 'did you mean paceline.minP?'],
    ['colour', 5, 'invalid-option'],
  ])('%s: %j', async (name, value, code, word = name) => {
    const { engine } = await setUp();
    const params = { messages: MESSAGES, [name]: value };
    await refused(() => engine.chat.completions.create(params), code, name, word);
    await refused(() => engine.chat.completions.create({ stream: true, ...params } as never), code);
  });

  test('requests that are none', async () => {
    const { engine } = await setUp();
    const { completions } = engine.chat;
    for (const params of [undefined, null, 5, []]) {
      await refused(() => completions.create(params as never), 'invalid-option', 'params');
    }
    const create = (options: unknown) => completions.create({ messages: MESSAGES }, options as never);
    await refused(() => create(null), 'invalid-option', 'options');
    await refused(() => create({ signal: 5 }), 'invalid-option', 'signal');
    await refused(() => create({ idempotencyKey: 'x' }), 'invalid-option', 'idempotencyKey');
  });

  test('what has no effect on the text is no error', async () => {
    const { engine } = await setUp();
    const create = (params: object, options = {}) =>
      engine.chat.completions.create({ messages: MESSAGES, ...params }, options);
    for (const params of [
      { service_tier: 'auto' },
      { service_tier: 'default' },
      { verbosity: 'medium' },
      { metadata: {} },
      { metadata: { user: 'ann' } },
      { store: true },
      { safety_identifier: 'a' },
      { prompt_cache_key: 'a' },
      { prompt_cache_retention: '24h' },
      { tool_choice: 'none', tools: [] },
    ]) {
      expect((await create(params)).choices[0].message.content).toBe('x');
    }
    const { signal } = new AbortController();
    const { choices } = await create({}, { signal, timeout: 5, headers: {}, maxRetries: 0 });
    expect(choices[0].message.content).toBe('x');
  });

  test('what asks for nothing is no error', async () => {
    const { engine } = await setUp();
    const params = {
      messages: MESSAGES,
      n: 1,
      top_logprobs: 0,
      tool_choice: 'none',
      parallel_tool_calls: true,
      functions: [],
      tools: [],
      audio: null,
      modalities: ['text'],
      store: false,
      user: 'ann',
      model: 'any',
      stream_options: { include_usage: false, include_obfuscation: false },
      paceline: null,
    };
    const { choices } = (await engine.chat.completions.create(params as never)) as never as {
      choices: [{ message: { content: string } }];
    };
    expect(choices[0].message.content).toBe('x');
  });
});

describe('the rest of an engine', () => {
  test('encode and decode', async () => {
    const { engine } = await setUp();
    for (const text of [5, null, undefined, {}, ['x']]) {
      await refused(() => engine.encode(text as never), 'invalid-option', 'text');
    }
    for (const ids of [
      'x',
      '',
      5,
      null,
      undefined,
      {},
      [1.5],
      [-1],
      [NaN],
      ['1'],
      [1n],
      Float32Array.of(0.5),
      { length: -1 },
      { length: 1e8 },
      { length: 1e10 },
      { length: 2 ** 24 },
    ]) {
      await refused(() => engine.decode(ids as never), 'invalid-option', 'ids');
    }
    expect(await engine.decode([])).toBe('');
  });

  test('session takes nothing', async () => {
    const { engine } = await setUp();
    // @ts-expect-error in TypeScript too
    await refused(() => engine.session({ capacity: 5 }), 'invalid-option', 'session');
    // @ts-expect-error but nothing is as good as none
    expect((await engine.session(undefined)).closed).toBe(false);
  });
});

describe('load', () => {
  test.each<[string, unknown, string, string?]>([
    ['target', undefined, 'source-invalid'],
    ['target', null, 'source-invalid'],
    ['target', 5, 'source-invalid'],
    ['draft', null, 'source-invalid'],
    ['draft', {}, 'source-invalid'],
    ['device', 'gpu', 'device-unknown'],
    ['kvCache', 'q8_0', 'kv-cache-unknown'],
    ['device', 5, 'invalid-option'],
    ['capacity', 0, 'invalid-option'],
    ['capacity', -1, 'invalid-option'],
    ['capacity', 'large', 'invalid-option'],
    ['threads', 0, 'invalid-option'],
    ['threads', 65, 'invalid-option'],
    ['threads', 1.5, 'invalid-option'],
    ['cache', 'yes', 'invalid-option'],
    ['cache', null, 'invalid-option'],
    ['onProgress', true, 'invalid-option'],
    ['signal', {}, 'invalid-option'],
    ['worker', 'worker.js', 'invalid-option'],
    ['worker', () => 5, 'invalid-option'],
    ['worker', () => undefined, 'invalid-option'],
    ['model', 'x.gguf', 'invalid-option'],
    ['devices', 'cpu', 'invalid-option', 'did you mean device?'],
    ['onprogress', () => {}, 'invalid-option', 'did you mean onProgress?'],
  ])('%s: %s', async (name, value, code, word = name) => {
    const options = { target: chunks(1), worker: new FakeWorker().factory, [name]: value };
    await refused(() => Paceline.load(options as never), code, name, word);
  });

  test('options that are none', async () => {
    for (const options of [undefined, null, 'model.gguf', []]) {
      await refused(() => Paceline.load(options as never), 'invalid-option', 'options');
    }
  });

  test('where there are no workers, and none is given', async () => {
    await refused(() => Paceline.load({ target: chunks(1) }), 'unsupported', 'worker');
  });
});

describe('the store', () => {
  test('has options too', async () => {
    await refused(() => ModelStore.open({ directory: 5 } as never), 'invalid-option', 'directory');
    await refused(() => ModelStore.open({ folder: 'x' } as never), 'invalid-option', 'folder');
    await refused(() => ModelStore.open(null as never), 'invalid-option', 'options');
  });

  test('and every table names what it is for', () => {
    for (const table of [LOAD, DOWNLOAD, IMPORT, GENERATE]) {
      expect(Object.values(table).every(rule => typeof rule === 'function')).toBe(true);
    }
  });
});

describe('the AI SDK', () => {
  test.each<[string, unknown, string]>([
    ['gamma', 'x', 'invalid-option'],
    ['confidence', 2, 'invalid-option'],
    ['drafter', 'oracle', 'drafter-unknown'],
    ['temperature', 1, 'invalid-option'],
    ['maxTokens', 1, 'invalid-option'],
    ['gama', 1, 'invalid-option'],
  ])('setting %s: %j', async (name, value, code) => {
    const { engine } = await setUp();
    await refused(() => paceline(engine, { [name]: value }), code, name);
  });

  test.each<[string, unknown, string]>([
    ['seed', 2 ** 53, 'invalid-option'],
    ['temperature', -1, 'sampling-range'],
    ['maxOutputTokens', 0.5, 'invalid-option'],
    ['stopSequences', [''], 'invalid-option'],
    ['tools', [tool({ inputSchema: jsonSchema({}) })], 'unsupported'],
    ['toolChoice', { type: 'required' }, 'unsupported'],
    ['responseFormat', { type: 'json' }, 'unsupported'],
    ['reasoning', 'high', 'unsupported'],
    ['providerOptions', { paceline: { gama: 1 } }, 'invalid-option'],
  ])('call option %s: %j', async (name, value, code) => {
    const { engine } = await setUp();
    const prompt = [{ role: 'user', content: [{ type: 'text', text: 'x' }] }];
    const options = { prompt, [name]: value } as never;
    await refused(() => paceline(engine).doGenerate(options), code, name);
    await refused(() => paceline(engine).doStream(options), code, name);
  });

  test('needs an engine, and takes settings for one call', async () => {
    const { engine, backend } = await setUp();
    await refused(() => paceline(undefined as never), 'invalid-option', 'engine');
    await refused(() => paceline(engine, null as never), 'invalid-option', 'settings');
    await paceline(engine, { gamma: 2, minP: 0.1 }).doGenerate({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      toolChoice: { type: 'auto' },
      responseFormat: { type: 'text' },
      providerOptions: { paceline: { gamma: 3 }, other: { x: 1 } },
    });
    expect(backend.engine?.options).toMatchObject({ gamma: 3, minP: 0.1 });
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'x' }] }];
    const { content } = await paceline(engine).doGenerate({ prompt, toolChoice: null as never });
    expect(content).toMatchObject([{ text: 'x' }]);
  });
});
