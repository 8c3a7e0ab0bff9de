import { expect, test } from 'vitest';
import { abortError, PacelineError } from '../src/errors.js';
import { fromMessage, toMessage } from '../src/wire/errors.js';

test('what the wasm module throws keeps its code and message', () => {
  const thrown = Object.assign(new Error('this is not a GGUF file'), { code: 'gguf-magic' });
  expect(toMessage(thrown)).toEqual({ code: 'gguf-magic', message: 'this is not a GGUF file' });
  expect(toMessage({ code: 'gpu-lost', message: 'gone' })).toEqual({ code: 'gpu-lost', message: 'gone' });
});

test('an error crosses the border and is a PacelineError again', () => {
  const back = fromMessage(toMessage(new PacelineError('prompt-too-long', 'shorten it')));
  expect(back).toBeInstanceOf(PacelineError);
  expect(back).toMatchObject({ name: 'PacelineError', code: 'prompt-too-long', message: 'shorten it' });
});

test('anything else that is thrown has a code too', () => {
  expect(toMessage(new TypeError('x is not a function'))).toEqual({
    code: 'internal',
    message: 'x is not a function',
  });
  expect(toMessage('a string')).toEqual({ code: 'internal', message: 'a string' });
  expect(toMessage(undefined)).toEqual({ code: 'internal', message: 'undefined' });
});

test('a trap in the module is a crash', () => {
  const { code, message } = toMessage(new WebAssembly.RuntimeError('unreachable'));
  expect(code).toBe('engine-crashed');
  expect(message).toContain('load the model again');
});

test('an abort is a DOMException named AbortError, or the reason that was given', () => {
  const error = fromMessage({ code: 'aborted', message: 'loading was aborted' });
  expect(error).toBeInstanceOf(DOMException);
  expect(error).toMatchObject({ name: 'AbortError' });
  expect(toMessage(error).code).toBe('aborted');

  const reason = new Error('the user left');
  expect(abortError(AbortSignal.abort(reason))).toBe(reason);
  expect(abortError(AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
});
