import { describe, expect, test } from 'vitest';
import { Paceline } from '../src/engine/engine.js';
import type { ChatCompletionCreateParamsNonStreaming as Params } from '../src/openai/types.js';
import { chunks, FakeBackend, FakeWorker } from './fake.js';

async function setUp() {
  const backend = new FakeBackend();
  const engine = await Paceline.load({ target: chunks(3), worker: new FakeWorker(backend).factory });
  const create = (params: Partial<Params> = {}) =>
    engine.chat.completions.create({ messages: [{ role: 'user', content: 'hello you' }], ...params });
  return { backend, engine, create };
}

describe('chat.completions.create', () => {
  test('gives an answer in the form of the API', async () => {
    const { create } = await setUp();
    const answer = await create();
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'toy',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'hello you' },
          finish_reason: 'stop',
          logprobs: null,
        },
      ],
      usage: { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18, speculation: { rounds: 0 } },
    });
    expect(answer.id).toMatch(/^chatcmpl-/);
    expect(Math.abs(answer.created - Date.now() / 1000)).toBeLessThan(10);
  });

  test('streams pieces, then the reason, then the usage where it is asked for', async () => {
    const { engine } = await setUp();
    const stream = await engine.chat.completions.create({
      messages: [{ role: 'user', content: 'abc' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const all = [];
    for await (const chunk of stream) {
      all.push(chunk);
    }
    expect(all.map(chunk => chunk.choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { content: 'ab' },
      { content: 'c' },
      {},
      undefined,
    ]);
    expect(all.map(chunk => chunk.choices[0]?.finish_reason)).toEqual([null, null, null, 'stop', undefined]);
    expect(all.map(chunk => chunk.usage?.total_tokens)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      6,
    ]);
    expect(new Set(all.map(chunk => chunk.id)).size).toBe(1);
  });

  test('leaving the loop ends the generation', async () => {
    const { engine, backend } = await setUp();
    const stream = await engine.chat.completions.create({
      messages: [{ role: 'user', content: 'x'.repeat(5000) }],
      max_tokens: 5000,
      stream: true,
    });
    let seen = 0;
    for await (const _ of stream) {
      if (++seen === 3) {
        break;
      }
    }
    await new Promise(resolve => setTimeout(resolve, 50));
    const steps = backend.engine?.steps ?? 0;
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(backend.engine?.steps).toBe(steps);
    expect(steps).toBeLessThan(2500);
  });

  test('hands options on in the engine’s terms', async () => {
    const { backend, create } = await setUp();
    await create({
      max_tokens: 1,
      max_completion_tokens: 7,
      temperature: 0.5,
      top_p: 0.9,
      seed: 3,
      logit_bias: { '5': -100 },
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      paceline: { gamma: 2, drafter: 'ngram' },
    });
    expect(backend.engine?.options).toMatchObject({
      maxTokens: 7,
      temperature: 0.5,
      topP: 0.9,
      seed: 3,
      logitBias: [[5, -100]],
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      gamma: 2,
      drafter: 'ngram',
    });
    await create({ temperature: null, max_tokens: null });
    expect(backend.engine?.options).toMatchObject({ temperature: 1, maxTokens: 64 });
  });

  test('has the length as its reason where that ended it, and stops at stop strings', async () => {
    const { create } = await setUp();
    expect((await create({ max_tokens: 2 })).choices[0].finish_reason).toBe('length');
    const { choices, usage } = await create({ stop: ['o y', 'never'] });
    expect(choices[0]).toMatchObject({ message: { content: 'hell' }, finish_reason: 'stop' });
    expect(usage.completion_tokens).toBe(7);
  });

  test('reads parts of messages, and developers as the system', async () => {
    const { create } = await setUp();
    const { choices } = await create({
      messages: [
        { role: 'developer', content: 'a' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'b' },
            { type: 'text', text: 'c' },
          ],
        },
      ],
    });
    expect(choices[0].message.content).toBe('a\nbc');
  });

  test.each<[string, object]>([
    ['several answers', { n: 2 }],
    ['log-probabilities of other tokens', { logprobs: true, top_logprobs: 3 }],
    ['a JSON schema', { response_format: { type: 'json_schema', json_schema: {} } }],
    ['a JSON object', { response_format: { type: 'json_object' } }],
    ['tools', { tools: [{}] }],
    ['a picture', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
  ])('%s: unsupported', async (_, params) => {
    const { create } = await setUp();
    await expect(create(params)).rejects.toMatchObject({ name: 'PacelineError', code: 'unsupported' });
  });

  test('what asks for nothing is no error', async () => {
    const { create } = await setUp();
    const params = {
      n: 1,
      logprobs: false,
      tools: [],
      response_format: { type: 'text' as const },
      stop: null,
    };
    await expect(create(params)).resolves.toBeDefined();
  });

  test('an abort rejects as in Fetch', async () => {
    const { engine } = await setUp();
    const messages = [{ role: 'user', content: 'x'.repeat(5000) }];
    const controller = new AbortController();
    const answer = engine.chat.completions.create({ messages }, { signal: controller.signal });
    controller.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    const late = engine.chat.completions.create({ messages }, { signal: controller.signal });
    await expect(late).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('stop', () => {
  test('ends chat and generate, and is told', async () => {
    const { engine } = await setUp();
    const result = await engine.generate('one two three', { stop: 'two' }).result;
    expect(result).toMatchObject({ text: 'one ', finishReason: 'stop', stoppedBy: 'two' });
    const pieces = [];
    for await (const piece of engine.chat([{ role: 'user', content: 'one two three' }], {
      stop: ['th', 'wo'],
    })) {
      pieces.push(piece.text);
    }
    expect(pieces.join('')).toBe('one t');
  });

  test('that is empty, or no text, is refused', async () => {
    const { engine } = await setUp();
    for (const stop of ['', ['a', ''], 5 as never]) {
      await expect(engine.generate('x', { stop }).result).rejects.toMatchObject({
        code: 'invalid-option',
        message: expect.stringContaining('stop'),
      });
    }
  });
});
