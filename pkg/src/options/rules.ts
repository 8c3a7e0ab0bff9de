/**
 * What a value may be, and the words for one that is something else.
 * @module
 */

import { PacelineError, type ErrorCode } from '../errors.js';
import type { EngineInfo } from '../types/load.js';

/** Lets a value pass, or throws an error that calls it `name`. */
export type Rule = (value: unknown, name: string) => void;

/** What a loaded engine has by names that options take. */
export type Known = Pick<EngineInfo, 'drafters' | 'verifiers' | 'lossy'>;

/** A rule that may depend on the engine. */
export type EngineRule = (value: unknown, name: string, known: Known) => void;

/** Rules for the options of `T`: every one of them has its rule. */
export type Table<T, R = Rule> = { readonly [K in keyof T]-?: R };

/** Throws the error for a value that is not what it must be. */
export function refuse(
  name: string,
  value: unknown,
  allowed: string,
  code: ErrorCode = 'invalid-option',
): never {
  throw new PacelineError(code, `${name} is ${shown(value)}; it must be ${allowed}`);
}

/** The error for what the engine cannot do. */
export function unsupported(what: string, remedy: string): PacelineError {
  return new PacelineError('unsupported', `${what} is not supported; ${remedy}`);
}

/** Anything that passes `test`. */
export function such(allowed: string, test: (value: unknown) => boolean, code?: ErrorCode): Rule {
  return (value, name) => {
    if (!test(value)) {
      refuse(name, value, allowed, code);
    }
  };
}

/** A number that `inside` takes; `outside` is the code for one that it does not take. */
export function number(allowed: string, inside: (value: number) => boolean, outside?: ErrorCode): Rule {
  return (value, name) => {
    if (typeof value !== 'number') {
      refuse(name, value, allowed);
    }
    // The engine has single precision, and it is for the engine that a number is too small or too large.
    if (!inside(Math.fround(value))) {
      refuse(name, value, allowed, outside);
    }
  };
}

/** A whole number. */
export function whole(least: number, most: number, outside?: ErrorCode): Rule {
  const allowed = `a whole number from ${least} to ${most}`;
  return (value, name) => {
    if (!Number.isInteger(value)) {
      refuse(name, value, allowed);
    }
    if ((value as number) < least || (value as number) > most) {
      refuse(name, value, allowed, outside);
    }
  };
}

/** One of some words. */
export function oneOf(words: readonly string[], unknown?: ErrorCode): Rule {
  const allowed = listed(words.map(word => JSON.stringify(word)));
  return (value, name) => {
    if (typeof value !== 'string') {
      refuse(name, value, allowed);
    }
    if (!words.includes(value)) {
      refuse(name, value, allowed, unknown);
    }
  };
}

/** One of what the engine has of a kind. */
export function known(kind: 'verifiers' | 'lossy', unknown?: ErrorCode): EngineRule {
  return (value, name, { [kind]: choices }) =>
    oneOf(
      choices.map(choice => choice.name),
      unknown,
    )(value, name);
}

/** What is checked where it is used, with a code of its own: sources, names of stored models. */
export const elsewhere: Rule = () => {};

/** `true` or `false`. */
export const flag = such('true or false', value => typeof value === 'boolean');

/** Text. */
export const text = such('a string', value => typeof value === 'string');

/** A function. */
export const callback = such('a function', value => typeof value === 'function');

/** The signal of an `AbortController`, of this page's or another frame's. */
export const abortSignal = such('an AbortSignal', value => {
  try {
    // The getter knows a real one, and throws for what merely looks like it.
    return typeof Reflect.get(AbortSignal.prototype, 'aborted', value) === 'boolean';
  } catch {
    return false;
  }
});

/** `a, b or c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** A value in a few words. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      if (value === null) {
        return 'null';
      }
      return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
    default:
      return String(value);
  }
}
