import * as ai7 from 'ai';
import * as ai6 from 'ai-6';
import { describe, expect, test } from 'vitest';
import { paceline } from '../src/ai-sdk.js';
import { Paceline } from '../src/engine/engine.js';
import { chunks, FakeBackend, FakeWorker } from './fake.js';

async function setUp() {
  const backend = new FakeBackend();
  const engine = await Paceline.load({ target: chunks(3), worker: new FakeWorker(backend).factory });
  return { backend, engine, model: paceline(engine, { gamma: 2 }) };
}

/** The SDK's versions that the model is for, and what they call a system prompt. */
const VERSIONS = [
  ['ai 7', ai7, { instructions: 'Be brief.' }],
  ['ai 6', ai6 as unknown as typeof ai7, { system: 'Be brief.' }],
] as const;

describe.each(VERSIONS)('%s', (_, sdk, brief) => {
  const { generateText, streamText, wrapLanguageModel, Output, jsonSchema, tool } = sdk;

  test('generateText gives text, reason, usage and what speculation did', async () => {
    const { model, backend } = await setUp();
    const result = await generateText({
      model,
      ...brief,
      prompt: 'hello',
      maxOutputTokens: 100,
      temperature: 0.3,
      topP: 0.8,
      topK: 5,
      seed: 4,
    });
    expect(result.text).toBe('Be brief.\nhello');
    expect(result.finishReason).toBe('stop');
    expect(result.usage).toMatchObject({ inputTokens: 15, outputTokens: 15, totalTokens: 30 });
    expect(result.providerMetadata?.paceline).toMatchObject({ blockEfficiency: 1 });
    expect(backend.engine?.options).toMatchObject({
      maxTokens: 100,
      temperature: 0.3,
      topP: 0.8,
      topK: 5,
      seed: 4,
      gamma: 2,
    });
  });

  test('streamText streams, and stops at stop sequences', async () => {
    const { model } = await setUp();
    const result = streamText({ model, prompt: 'one two three', stopSequences: ['two'] });
    const deltas = [];
    for await (const delta of result.textStream) {
      deltas.push(delta);
    }
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join('')).toBe('one ');
    expect(await result.finishReason).toBe('stop');
    expect((await result.usage).outputTokens).toBe(7);
  });

  test('maxOutputTokens ends with the reason length', async () => {
    const { model } = await setUp();
    expect((await generateText({ model, prompt: 'hello', maxOutputTokens: 2 })).finishReason).toBe('length');
  });

  test('an abort ends the generation', async () => {
    const { model, engine } = await setUp();
    const prompt = 'x'.repeat(20000);
    const controller = new AbortController();
    const text = generateText({ model, prompt, maxOutputTokens: 20000, abortSignal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });

    const second = new AbortController();
    const parts = [];
    const stream = streamText({ model, prompt, maxOutputTokens: 20000, abortSignal: second.signal });
    for await (const part of stream.fullStream) {
      parts.push(part.type);
      if (part.type === 'text-delta') {
        second.abort();
      }
    }
    expect(parts).toContain('abort');
    expect(parts).not.toContain('finish');
    expect((await engine.generate('ok').result).text).toBe('ok');
  });

  test('an error of the engine is the error of the call', async () => {
    const { model, backend } = await setUp();
    if (backend.engine) {
      backend.engine.fault = { code: 'gpu-error', message: 'the GPU reported an error' };
    }
    await expect(generateText({ model, prompt: 'x', maxRetries: 0 })).rejects.toMatchObject({
      code: 'gpu-error',
    });
  });

  test('what cannot be done is refused', async () => {
    const { model } = await setUp();
    const schema = jsonSchema<{ a: string }>({ type: 'object', properties: { a: { type: 'string' } } });
    const output = generateText({ model, prompt: 'x', output: Output.object({ schema }) });
    await expect(output).rejects.toMatchObject({ code: 'unsupported' });
    const tools = { look: tool({ inputSchema: schema, execute: async () => 'x' }) };
    await expect(generateText({ model, prompt: 'x', tools })).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a session is a model too', async () => {
    const { engine } = await setUp();
    const { text } = await generateText({ model: paceline(await engine.session()), prompt: 'in a session' });
    expect(text).toBe('in a session');
  });

  test('middleware wraps it', async () => {
    const { model, backend } = await setUp();
    const settings = { temperature: 0.5 };
    const wrapped = wrapLanguageModel({
      model: model as never,
      middleware: sdk.defaultSettingsMiddleware({ settings }),
    });
    expect((await generateText({ model: wrapped, prompt: 'hello' })).text).toBe('hello');
    expect(backend.engine?.options).toMatchObject(settings);
  });

  test('options of the SDK are refused by name', async () => {
    const { model } = await setUp();
    const bad = { model, prompt: 'x', maxRetries: 0 };
    for (const [option, value] of [
      ['seed', 2 ** 53],
      ['temperature', -1],
      ['stopSequences', ['']],
    ] as const) {
      const call = { ...bad, [option]: value };
      await expect(generateText(call)).rejects.toThrow(option);
      const errors: unknown[] = [];
      const { fullStream } = streamText({ ...call, onError: ({ error }) => void errors.push(error) });
      for await (const _ of fullStream) {
        // An error is a part.
      }
      expect(errors).toMatchObject([{ name: 'PacelineError', message: expect.stringContaining(option) }]);
    }
  });
});
