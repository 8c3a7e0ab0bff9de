// OpenAI's API and the AI SDK (the real `ai` package, bundled) on an engine in headless Chromium.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'vite';
import { ROOT, start } from './harness.mjs';
import { tinyModels } from './models.mjs';

const MESSAGES = [{ role: 'user', content: 'the lore the lore the' }];

let folder;
let session;
let page;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'paceline-ai-'));
  const entry = join(folder, 'ai.js');
  writeFileSync(entry, "export { generateText, streamText } from 'ai';");
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    resolve: { alias: { ai: join(ROOT, 'node_modules/ai') } },
    build: {
      outDir: join(folder, 'dist'),
      lib: { entry, formats: ['es'], fileName: 'ai' },
      minify: false,
    },
  });
  session = await start({ mounts: { '/models': tinyModels(), '/ai.js': join(folder, 'dist/ai.js') } });
  page = await session.open();
  await page.evaluate(async () => {
    window.engine = await paceline.Paceline.load({
      target: '/models/target.gguf',
      draft: '/models/draft.gguf',
      device: 'cpu',
    });
    window.ai = { ...(await import('/ai.js')), ...(await import('/paceline/ai-sdk.js')) };
  });
});

after(async () => {
  await session?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a completion is what the engine says, whole and streamed', async () => {
  const { whole, chunks, chat } = await page.evaluate(async messages => {
    const params = { messages, max_tokens: 24, temperature: 0, paceline: { gamma: 3, drafter: 'model' } };
    const whole = await engine.chat.completions.create(params);
    const chunks = [];
    const stream = await engine.chat.completions.create({
      ...params,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      chunks.push(chunk);
    }
    return { whole, chunks, chat: await engine.chat(messages, { maxTokens: 24 }).result };
  }, MESSAGES);
  assert.equal(whole.choices[0].message.content, chat.text);
  assert.equal(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''), chat.text);
  assert.equal(whole.usage.prompt_tokens, chat.promptIds.length);
  assert.equal(whole.usage.completion_tokens, chat.tokenIds.length);
  const { accepted_prediction_tokens, rejected_prediction_tokens } = whole.usage.completion_tokens_details;
  assert.equal(accepted_prediction_tokens, whole.usage.speculation.accepted);
  assert.ok(accepted_prediction_tokens + rejected_prediction_tokens > 0);
  assert.equal(chunks.at(-1).usage.total_tokens, whole.usage.total_tokens);
  assert.equal(chunks.at(-2).choices[0].finish_reason, whole.choices[0].finish_reason);
});

test('the same seed gives the same answer, another one another', async () => {
  const [a, b, c] = await page.evaluate(async messages => {
    const say = async seed => {
      const answer = await engine.chat.completions.create({ messages, max_tokens: 24, seed, temperature: 1 });
      return answer.choices[0].message.content;
    };
    return [await say(7), await say(7), await say(8)];
  }, MESSAGES);
  assert.equal(a, b);
  assert.notEqual(a, c);
});

test('a forbidden token does not come', async () => {
  const { first, banned } = await page.evaluate(async messages => {
    const ids = async logitBias => (await engine.chat(messages, { maxTokens: 8, logitBias }).result).tokenIds;
    const [first] = await ids({});
    const answer = await engine.chat.completions.create({
      messages,
      max_tokens: 1,
      temperature: 0,
      logit_bias: { [first]: -100 },
    });
    return { first: await engine.decode([first]), banned: answer.choices[0].message.content };
  }, MESSAGES);
  assert.notEqual(banned, first);
});

test('no stop string leaks, wherever it begins in the text, with every drafter', async () => {
  const { full, outcomes } = await page.evaluate(async messages => {
    const full = (await engine.chat(messages, { maxTokens: 48 }).result).text;
    const outcomes = [];
    for (const drafter of ['none', 'ngram', 'model']) {
      for (let at = 0; at + 3 <= full.length; at += 2) {
        const stop = full.slice(at, at + 3);
        const pieces = [];
        const stream = await engine.chat.completions.create({
          messages,
          max_tokens: 48,
          temperature: 0,
          stop: [stop, 'this never comes'],
          stream: true,
          paceline: { drafter, gamma: 4 },
        });
        let reason;
        for await (const { choices } of stream) {
          pieces.push(choices[0].delta.content ?? '');
          reason = choices[0].finish_reason;
        }
        outcomes.push({ stop, text: pieces.join(''), reason });
      }
    }
    return { full, outcomes };
  }, MESSAGES);
  assert.ok(outcomes.length > 30);
  for (const { stop, text, reason } of outcomes) {
    assert.equal(text, full.slice(0, full.indexOf(stop)), JSON.stringify(stop));
    assert.equal(reason, 'stop');
  }
});

test('what cannot be done is a typed error', async () => {
  const codes = await page.evaluate(async messages => {
    const ask = params => rejection(engine.chat.completions.create({ messages, ...params }));
    const errors = [
      await ask({ n: 2 }),
      await ask({ logprobs: true, top_logprobs: 3 }),
      await ask({ response_format: { type: 'json_schema', json_schema: {} } }),
      await ask({ temperature: -1 }),
      await ask({ stop: '' }),
    ];
    return errors.map(error => error?.code);
  }, MESSAGES);
  assert.deepEqual(codes, ['unsupported', 'unsupported', 'unsupported', 'sampling-range', 'invalid-option']);
});

test('log-probabilities are those of the text, streamed or not', async () => {
  const { text, content, streamed } = await page.evaluate(async messages => {
    const request = { messages, max_tokens: 16, temperature: 0, logprobs: true };
    const { choices } = await engine.chat.completions.create(request);
    const streamed = [];
    for await (const chunk of await engine.chat.completions.create({ ...request, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    return { text: choices[0].message.content, content: choices[0].logprobs.content, streamed };
  }, MESSAGES);
  assert.equal(content.map(({ token }) => token).join(''), text);
  assert.ok(content.length > 4 && content.every(({ logprob }) => logprob < 0 && logprob > -30));
  assert.deepEqual(streamed, content);
});

test('a character in several tokens has their log-probabilities, each with its own bytes', async () => {
  const { bytes, text, content, streamed, usage, stopped } = await page.evaluate(async messages => {
    const bytes = [...new TextEncoder().encode('😀')];
    // Nothing but these comes: the tiny model has a token for each byte.
    const ids = await engine.encode('😀');
    const logit_bias = Object.fromEntries(ids.map(id => [id, 100]));
    const request = { messages, max_tokens: 24, temperature: 1, seed: 3, logprobs: true, logit_bias };
    const { choices, usage } = await engine.chat.completions.create(request);
    const streamed = [];
    for await (const chunk of await engine.chat.completions.create({ ...request, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    const { content } = choices[0].message;
    const stop = content.slice(2, 4);
    const cut = await engine.chat.completions.create({ ...request, stop });
    const stopped = { stop, ...cut.choices[0], usage: cut.usage };
    return { bytes, text: content, content: choices[0].logprobs.content, streamed, usage, stopped };
  }, MESSAGES);
  assert.equal(content.length, usage.completion_tokens);
  assert.ok(content.every(entry => entry.bytes.length === 1 && bytes.includes(entry.bytes[0])));
  const decode = entries => new TextDecoder().decode(Uint8Array.from(entries.flatMap(({ bytes }) => bytes)));
  assert.equal(decode(content), text);
  assert.deepEqual(streamed, content);

  assert.equal(stopped.message.content, text.slice(0, text.indexOf(stopped.stop)));
  assert.equal(stopped.logprobs.content.length, stopped.usage.completion_tokens);
  assert.deepEqual(stopped.logprobs.content, content.slice(0, stopped.usage.completion_tokens));
});

test('what only the engine knows to be wrong names the option too', async () => {
  const errors = await page.evaluate(async messages => {
    const say = options => rejection(engine.chat(messages, options).result);
    return [
      await say({ logitBias: { 1000000: 1 } }),
      await say({ lossy: { kind: 'exponential', epsilon: 0.5 } }),
    ];
  }, MESSAGES);
  assert.equal(errors[0].code, 'logit-bias-range');
  assert.match(errors[0].message, /^logitBias names token id 1000000/);
  assert.equal(errors[1].code, 'sampling-range');
  assert.match(errors[1].message, /^lossy/);
});

test('the AI SDK generates, streams, stops, counts and aborts', async () => {
  const outcome = await page.evaluate(async messages => {
    const model = ai.paceline(engine, { drafter: 'model', gamma: 3 });
    const chat = await engine.chat(messages, { maxTokens: 24 }).result;
    const generated = await ai.generateText({ model, messages, maxOutputTokens: 24 });
    const streamed = ai.streamText({ model, messages, maxOutputTokens: 24 });
    const deltas = [];
    for await (const delta of streamed.textStream) {
      deltas.push(delta);
    }
    const stop = chat.text.slice(5, 8);
    const stopped = await ai.generateText({ model, messages, maxOutputTokens: 24, stopSequences: [stop] });

    const controller = new AbortController();
    const aborted = ai.streamText({
      model,
      messages,
      maxOutputTokens: 400,
      temperature: 1,
      abortSignal: controller.signal,
    });
    const parts = [];
    for await (const part of aborted.fullStream) {
      parts.push(part.type);
      if (part.type === 'text-delta') {
        controller.abort();
      }
    }
    const again = await ai.generateText({ model, messages, maxOutputTokens: 24 });
    return {
      chat,
      texts: [generated.text, deltas.join(''), again.text],
      usage: [generated.usage, await streamed.usage],
      metadata: generated.providerMetadata.paceline,
      stop,
      stopped: [stopped.text, stopped.finishReason],
      parts,
    };
  }, MESSAGES);
  const { chat } = outcome;
  assert.deepEqual(outcome.texts, Array(3).fill(chat.text));
  for (const { inputTokens, outputTokens } of outcome.usage) {
    assert.equal(inputTokens, chat.promptIds.length);
    assert.equal(outputTokens, chat.tokenIds.length);
  }
  assert.ok(outcome.metadata.drafted > 0);
  assert.deepEqual(outcome.stopped, [chat.text.slice(0, chat.text.indexOf(outcome.stop)), 'stop']);
  assert.ok(outcome.parts.includes('abort') && !outcome.parts.includes('finish'), `${outcome.parts}`);
});
