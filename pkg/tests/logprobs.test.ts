import { expect, test } from 'vitest';
import { Paceline } from '../src/engine/engine.js';
import type { ChatCompletionTokenLogprob } from '../src/openai/types.js';
import type { Token } from '../src/types/generate.js';
import { chunks, FakeBackend, FakeWorker } from './fake.js';

/** An engine that says `rounds`, as often as it is asked. */
async function saying(...rounds: Token[][]) {
  const backend = new FakeBackend();
  const engine = await Paceline.load({ target: chunks(1), worker: new FakeWorker(backend).factory });
  const params = (stop?: string) => {
    backend.engine!.script = structuredClone(rounds);
    return { messages: [{ role: 'user', content: 'x' }], logprobs: true, stop: stop ?? null };
  };
  const whole = async (stop?: string) => {
    const { choices, usage } = await engine.chat.completions.create(params(stop));
    return { text: choices[0].message.content, content: choices[0].logprobs!.content, usage };
  };
  const streamed = async (stop?: string) => {
    const chunks: { text: string; content: ChatCompletionTokenLogprob[] }[] = [];
    for await (const { choices } of await engine.chat.completions.create({ ...params(stop), stream: true })) {
      const { delta, logprobs } = choices[0]!;
      chunks.push({ text: delta.content ?? '', content: logprobs?.content ?? [] });
    }
    return chunks;
  };
  return { whole, streamed };
}

const token = (id: number, text: string, bytes: number[]): Token => ({
  id,
  text,
  bytes,
  logprob: -id / 8,
  accepted: false,
});
const word = (id: number, text: string) => token(id, text, [...new TextEncoder().encode(text)]);
const bytesOf = (content: readonly ChatCompletionTokenLogprob[]) => content.map(({ bytes }) => bytes);

/** 😀 in four tokens, the first of them in a round of its own. */
const SPLIT = [
  [word(1, 'a'), token(2, '', [0xf0])],
  [token(3, '', [0x9f])],
  [token(4, '', [0x98]), token(5, '😀', [0x80]), word(6, '!')],
];

test('a character in several tokens has an entry for each, with its own bytes', async () => {
  const { whole, streamed } = await saying(...SPLIT);
  const { text, content, usage } = await whole();
  expect(text).toBe('a😀!');
  expect(bytesOf(content)).toEqual([[0x61], [0xf0], [0x9f], [0x98], [0x80], [0x21]]);
  expect(content.map(({ token }) => token)).toEqual(['a', '\ufffd', '\ufffd', '\ufffd', '\ufffd', '!']);
  expect(content.map(({ logprob }) => logprob)).toEqual([1, 2, 3, 4, 5, 6].map(id => -id / 8));
  expect(content.length).toBe(usage.completion_tokens);
  // Each comes with its token, though there is no text yet.
  expect((await streamed()).slice(0, -1).map(({ text, content }) => [text, content.length])).toEqual([
    ['', 0],
    ['a', 2],
    ['', 1],
    ['😀!', 3],
  ]);
});

test('a stop string cuts the text, and no token’s bytes', async () => {
  const { whole, streamed } = await saying(
    [word(1, 'one '), word(2, 'two th')],
    [word(3, 'ree four'), word(4, ' x')],
  );
  for (const stop of ['two', 'o th', 'three', 'e four x']) {
    const { text, content, usage } = await whole(stop);
    expect(text).toBe('one two three four x'.split(stop)[0]);
    const all = ['one ', 'two th', 'ree four', ' x'];
    const said = all.slice(0, usage.completion_tokens);
    expect(content.map(({ token }) => token)).toEqual(said);
    expect(said.join('')).toContain(stop);
    const chunks = await streamed(stop);
    expect(chunks.flatMap(({ content }) => content)).toEqual(content);
    expect(chunks.map(({ text }) => text).join('')).toBe(text);
  }
});

test('a stop string that ends with a split character cuts no bytes either', async () => {
  const { whole, streamed } = await saying(...SPLIT);
  const { text, content } = await whole('😀');
  expect(text).toBe('a');
  expect(bytesOf(content)).toEqual([[0x61], [0xf0], [0x9f], [0x98], [0x80]]);
  expect((await streamed('😀')).flatMap(({ content }) => content)).toEqual(content);
});

test('a stop token has an entry without bytes', async () => {
  const { whole } = await saying([word(1, 'a'), token(2, '', [])]);
  expect(bytesOf((await whole()).content)).toEqual([[0x61], []]);
});

test('a byte order mark is kept', async () => {
  const { whole } = await saying([word(1, '\ufeffa')]);
  expect((await whole()).content[0]!.token).toBe('\ufeffa');
});
