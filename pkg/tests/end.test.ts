// What ends with an engine: calls and loads after its end.

import { describe, expect, test } from 'vitest';
import { Paceline } from '../src/engine/engine.js';
import { chunks, FakeBackend, FakeWorker } from './fake.js';

/** The longest that anything here may take, in ms. */
const PROMPTLY = 1000;

/** What `promise` rejects with; fails where it takes its time. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.then(
      value => ({ resolved: value }),
      error => error,
    ),
    new Promise(resolve => setTimeout(resolve, PROMPTLY, 'it hangs')),
  ]);
}

describe('after dispose', () => {
  test('every call rejects', async () => {
    const engine = await Paceline.load({ target: chunks(1), worker: new FakeWorker().factory });
    const session = await engine.session();
    engine.dispose();
    const messages = [{ role: 'user', content: 'x' }];
    const calls = [
      engine.generate('x').result,
      engine.chat(messages).result,
      engine.chat.completions.create({ messages }),
      engine.session(),
      engine.encode('x'),
      engine.decode([1]),
      engine.render(messages),
      engine.memory(),
      engine.recover(),
      session.generate('x').result,
    ];
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ name: 'PacelineError', code: 'engine-disposed' });
    }
    expect(engine.disposed && session.closed).toBe(true);
  });

  test('another load works, and one onto the same worker is refused', async () => {
    const worker = new FakeWorker();
    const engine = await Paceline.load({ target: chunks(1), worker: worker.factory });
    const beside = await rejection(Paceline.load({ target: chunks(1), worker: worker.factory }));
    expect(beside).toMatchObject({ code: 'invalid-option', message: expect.stringContaining('worker') });
    expect((await engine.generate('x').result).text).toBe('x');
    engine.dispose();
    const after = await rejection(Paceline.load({ target: chunks(1), worker: worker.factory }));
    expect(after).toMatchObject({ code: 'invalid-option', message: expect.stringContaining('worker') });
    const next = await Paceline.load({ target: chunks(1), worker: new FakeWorker().factory });
    expect((await next.generate('y').result).text).toBe('y');
  });

  test('a load that brings an engine back ends at once', async () => {
    const workers: FakeWorker[] = [];
    let silent = false;
    const engine = await Paceline.load({
      target: new Blob(['x']),
      worker: () => {
        const worker = new FakeWorker(new FakeBackend());
        if (silent) {
          worker.postMessage = () => {};
        }
        workers.push(worker);
        return worker as unknown as Worker;
      },
    });
    workers[0]!.dispatchEvent(Object.assign(new Event('error', { cancelable: true }), { message: 'killed' }));
    silent = true;
    const calls = [engine.recover(), engine.recover()];
    await new Promise(resolve => setTimeout(resolve, 20));
    calls.push(engine.generate('x').result as never);
    engine.dispose();
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ code: 'engine-disposed' });
    }
    expect(workers.map(worker => worker.terminated)).toEqual([true, true]);
  });
});
