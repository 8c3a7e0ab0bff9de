import { describe, expect, test, vi } from 'vitest';
import { Paceline } from '../src/engine/engine.js';
import type { Run } from '../src/engine/run.js';
import { PacelineError } from '../src/errors.js';
import type { Piece } from '../src/types/generate.js';
import type { LoadProgress } from '../src/types/load.js';
import { chunks, FakeBackend, FakeWorker, INFO, STATS } from './fake.js';

async function setUp() {
  const backend = new FakeBackend();
  const worker = new FakeWorker(backend);
  const engine = await Paceline.load({ target: chunks(3), worker: worker.factory });
  return { backend, worker, engine };
}

async function collect(pieces: AsyncIterable<Piece>): Promise<string> {
  let text = '';
  for await (const piece of pieces) {
    text += piece.text;
  }
  return text;
}

describe('load', () => {
  test('tells progress of both files and what was loaded', async () => {
    const progress: LoadProgress[] = [];
    const engine = await Paceline.load({
      target: new Blob(['0123456789']),
      draft: chunks(2),
      onProgress: p => progress.push(p),
      worker: new FakeWorker().factory,
    });
    expect(engine.info).toEqual(INFO);
    expect(progress[0]).toEqual({ part: 'target', phase: 'load', loaded: 10, total: 10 });
    expect(progress.at(-1)?.part).toBe('draft');
    expect(await engine.memory()).toEqual({
      wasm: 65536,
      target: { weights: 1000, caches: 100, states: 10, scratch: 1 },
    });
    const session = await engine.session();
    const { target } = await engine.memory();
    expect(target, 'weights are shared').toEqual({ weights: 1000, caches: 200, states: 20, scratch: 2 });
    await session.close();
    expect((await engine.memory()).target.caches).toBe(100);
  });

  test('what was found out is asked for when it was loaded and after each generation', async () => {
    const { backend, engine } = await setUp();
    expect(backend.engine?.told).toBe(1);
    await engine.generate('ab').result;
    await vi.waitFor(() => expect(backend.engine?.told).toBe(2));
  });

  test('a file that cannot be used is a typed error, and the worker ends', async () => {
    const worker = new FakeWorker();
    const load = Paceline.load({ target: new Blob([]), worker: worker.factory });
    await expect(load).rejects.toMatchObject({ name: 'PacelineError', code: 'gguf-truncated' });
    expect(worker.terminated).toBe(true);
  });

  test('an abort before it begins makes no worker', async () => {
    const factory = vi.fn();
    const load = Paceline.load({ target: chunks(1), signal: AbortSignal.abort(), worker: factory });
    await expect(load).rejects.toMatchObject({ name: 'AbortError' });
    expect(factory).not.toHaveBeenCalled();
  });

  test('an abort on the way ends the worker and lets go of the source', async () => {
    const worker = new FakeWorker();
    const controller = new AbortController();
    const cancelled = vi.fn();
    const endless = new ReadableStream<Uint8Array>({
      pull: c => c.enqueue(new Uint8Array(1)),
      cancel: cancelled,
    });
    const load = Paceline.load({
      target: endless,
      signal: controller.signal,
      onProgress: () => controller.abort(),
      worker: worker.factory,
    });
    await expect(load).rejects.toMatchObject({ name: 'AbortError' });
    expect(worker.terminated).toBe(true);
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalled());
  });

  test('a draft that is no source lets go of the target', async () => {
    const cancelled = vi.fn();
    const target = new ReadableStream<Uint8Array>({ cancel: cancelled });
    const load = Paceline.load({ target, draft: 7 as never, worker: new FakeWorker().factory });
    await expect(load).rejects.toMatchObject({ code: 'source-invalid' });
    expect(cancelled).toHaveBeenCalled();
  });

  test('an abort rejects with the reason that was given', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const load = Paceline.load({
      target: chunks(Infinity),
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
      worker: new FakeWorker().factory,
    });
    await expect(load).rejects.toBe(reason);
  });

  test('a worker whose script does not load is a typed error', async () => {
    const worker = new FakeWorker();
    const load = Paceline.load({ target: chunks(1), worker: worker.factory });
    worker.dispatchEvent(new Event('error', { cancelable: true }));
    await expect(load).rejects.toMatchObject({ code: 'engine-crashed' });
  });
});

describe('generate', () => {
  test('yields pieces and ends with a result', async () => {
    const { engine } = await setUp();
    const run = engine.generate('hello');
    const pieces: Piece[] = [];
    for await (const piece of run) {
      pieces.push(piece);
    }
    expect(pieces.map(p => p.text)).toEqual(['he', 'll', 'o']);
    expect(pieces[0]?.tokens).toEqual([
      { id: 104, text: 'h', accepted: true },
      { id: 101, text: 'e', accepted: false },
    ]);
    expect(await run.result).toEqual({
      text: 'hello',
      tokenIds: [104, 101, 108, 108, 111],
      promptIds: [104, 101, 108, 108, 111],
      finishReason: 'stop',
      stats: STATS,
    });
  });

  test('takes ids and conversations, and the result needs no iteration', async () => {
    const { engine, worker } = await setUp();
    expect((await engine.generate([104, 105], { maxTokens: 1 }).result).finishReason).toBe('length');
    const options = { gamma: 3, drafter: 'ngram' } as const;
    expect((await engine.chat([{ role: 'user', content: 'hey' }], options).result).text).toBe('hey');
    expect(worker.sent.at(-1)).toMatchObject({ type: 'generate', session: 0, options });
  });

  test('every option arrives, biases as pairs', async () => {
    const { engine, backend } = await setUp();
    const options = {
      maxTokens: 3,
      drafter: 'ngram+model',
      gamma: 'auto',
      confidence: 0.5,
      verify: 'token',
      inFlight: 4,
      temperature: 0.7,
      topK: 40,
      topP: 0.9,
      minP: 0.05,
      repeatPenalty: 1.1,
      presencePenalty: 0.1,
      frequencyPenalty: -0.1,
      penaltyWindow: 32,
      seed: 2n ** 63n,
    } as const;
    const logitBias = [
      [7, -100],
      [11, 2.5],
    ] as const;
    for (const bias of [{ 7: -100, 11: 2.5 }, new Map(logitBias)]) {
      await engine.generate('hello', { ...options, logitBias: bias, onPrefill: () => {} }).result;
      expect(backend.engine?.options).toEqual({ ...options, logitBias });
    }
  });

  test('a bad prompt is a typed error, once by iteration and once by result, and the engine works on', async () => {
    const { engine } = await setUp();
    const run = engine.generate('');
    await expect(collect(run)).rejects.toMatchObject({ name: 'PacelineError', code: 'prompt-empty' });
    await expect(run.result).rejects.toMatchObject({ code: 'prompt-empty' });
    expect(await collect(engine.generate('still here'))).toBe('still here');
  });

  test('an abort rejects at once, the worker stops, and the next generation is right', async () => {
    const { engine, backend } = await setUp();
    const controller = new AbortController();
    const long = 'x'.repeat(200_000);
    const run = engine.generate(long, { signal: controller.signal, maxTokens: 1e9 });
    const read = (async () => {
      for await (const _ of run) {
        controller.abort();
      }
    })();
    await expect(read).rejects.toMatchObject({ name: 'AbortError' });
    await expect(run.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(await collect(engine.generate('next'))).toBe('next');
    expect(backend.engine?.steps).toBeLessThan(10_000); // of 100,000: Node gives one port a thousand turns
  });

  test('leaving the loop stops the generation', async () => {
    const { engine, backend } = await setUp();
    const run = engine.generate('x'.repeat(200_000), { maxTokens: 1e9 });
    for await (const _ of run) {
      break;
    }
    await expect(run.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(await collect(engine.generate('next'))).toBe('next');
    expect(backend.engine?.steps).toBeLessThan(10_000); // of 100,000: Node gives one port a thousand turns
  });

  test('an abort before it begins asks the worker nothing', async () => {
    const { engine, worker } = await setUp();
    const sent = worker.sent.length;
    const run = engine.generate('hello', { signal: AbortSignal.abort() });
    await expect(run.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(worker.sent.length).toBe(sent);
  });

  test('generations take turns, and one that is aborted while it waits never begins', async () => {
    const { engine } = await setUp();
    const controller = new AbortController();
    const order: string[] = [];
    const first = engine.generate('first').result.then(r => order.push(r.text));
    const second = engine.generate('second', { signal: controller.signal }).result;
    const third = engine.generate('third').result.then(r => order.push(r.text));
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    await Promise.all([first, third]);
    expect(order).toEqual(['first', 'third']);
  });

  test('an error in a step leaves the engine usable', async () => {
    const { engine, backend } = await setUp();
    backend.engine!.fault = { code: 'gpu-error', message: 'the GPU reported an error: out of memory' };
    await expect(engine.generate('a').result).rejects.toMatchObject({ code: 'gpu-error' });
    expect(await collect(engine.generate('b'))).toBe('b');
  });
});

describe('sessions', () => {
  test('go on side by side, each with generations that take turns', async () => {
    const { engine, backend } = await setUp();
    const session = await engine.session();
    const order: string[] = [];
    const tell = (name: string, run: Run) =>
      (async () => {
        for await (const piece of run) {
          order.push(name);
          expect(piece.stats).toEqual(STATS);
        }
        return (await run.result).text;
      })();
    const texts = [
      tell('a', engine.generate('first text')),
      tell('b', session.generate('other text')),
      tell('B', session.chat([{ role: 'user', content: 'then' }])),
    ];
    expect(await Promise.all(texts)).toEqual(['first text', 'other text', 'then']);
    expect(order.join('')).toMatch(/^(ab|ba){5}BB$/);
    expect(backend.engine?.others).toHaveLength(1);
  });

  test('open while another generates', async () => {
    const { engine } = await setUp();
    const run = engine.generate('x'.repeat(2000), { maxTokens: 1e9 });
    const sessions = await Promise.all(Array.from({ length: 20 }, () => engine.session()));
    expect(await Promise.all(sessions.map(s => s.generate('y').result.then(r => r.text)))).toEqual(
      Array(20).fill('y'),
    );
    expect((await run.result).text).toHaveLength(2000);
  });

  test('closing frees, ends what runs there, and disturbs nobody', async () => {
    const { engine, backend, worker } = await setUp();
    const session = await engine.session();
    const other = engine.generate('x'.repeat(500), { maxTokens: 1e9 });
    const runs = [session.generate('y'.repeat(200_000), { maxTokens: 1e9 }), session.generate('waits')];
    const read = (async () => {
      for await (const _ of runs[0]!) {
        await session.close();
      }
    })();
    await expect(read).rejects.toMatchObject({ name: 'PacelineError', code: 'session-closed' });
    await expect(runs[1]!.result).rejects.toMatchObject({ code: 'session-closed' });
    expect(session.closed).toBe(true);
    expect(backend.engine?.others[0]?.freed).toBe(true);
    const sent = worker.sent.length;
    await session.close();
    await expect(session.generate('late').result).rejects.toMatchObject({ code: 'session-closed' });
    expect(worker.sent.length).toBe(sent);
    expect((await other.result).text).toHaveLength(500);
    expect(engine.disposed).toBe(false);
  });

  test('an error in one is its own, and disposing of the engine closes all', async () => {
    const { engine, backend } = await setUp();
    const session = await engine.session();
    backend.engine!.others[0]!.fault = { code: 'gpu-error', message: 'out of memory' };
    const [bad, good] = [session.generate('a').result, engine.generate('b').result];
    await expect(bad).rejects.toMatchObject({ code: 'gpu-error' });
    expect((await good).text).toBe('b');
    expect((await session.generate('again').result).text).toBe('again');
    engine.dispose();
    expect(session.closed).toBe(true);
    await session.close();
    await expect(session.generate('late').result).rejects.toMatchObject({ code: 'engine-disposed' });
    await expect(engine.session()).rejects.toMatchObject({ code: 'engine-disposed' });
  });
});

describe('the end', () => {
  test('a trap ends the engine with a code that says so', async () => {
    const { engine, backend, worker } = await setUp();
    backend.engine!.fault = new WebAssembly.RuntimeError('unreachable');
    backend.engine!.panic = 'panicked at src/lib.rs:1: overflow';
    const run = engine.generate('a');
    await expect(run.result).rejects.toMatchObject({ code: 'engine-crashed' });
    await expect(run.result).rejects.toThrow('overflow');
    expect(worker.terminated).toBe(true);
    expect(engine.disposed).toBe(true);
    await expect(engine.encode('a')).rejects.toMatchObject({ code: 'engine-crashed' });
  });

  test('dispose rejects what is running and everything after', async () => {
    const { engine, worker } = await setUp();
    const run = engine.generate('hello');
    engine.dispose();
    engine.dispose();
    await expect(collect(run)).rejects.toBeInstanceOf(PacelineError);
    await expect(engine.memory()).rejects.toMatchObject({ code: 'engine-disposed' });
    expect(worker.terminated).toBe(true);
  });
});

test('text and ids convert both ways', async () => {
  const { engine } = await setUp();
  expect(await engine.encode('hi')).toEqual([104, 105]);
  expect(await engine.decode([104, 105])).toBe('hi');
  expect(await engine.render([{ role: 'user', content: 'hi' }])).toBe('hi');
});
