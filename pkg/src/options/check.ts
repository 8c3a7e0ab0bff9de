/**
 * Options against their table: what is unknown, ill-typed or not to be had is refused by name.
 * @module
 */

import { PacelineError } from '../errors.js';
import { NOT_HERE, notHere, plain } from './not-here.js';
import { refuse, type EngineRule, type Known, type Rule } from './rules.js';

/** How to read a set of options. */
export interface Reading {
  /** What the set is called where it is not an object. */
  name: string;
  /** Of what they are options, in errors about unknown ones. */
  of: string;
  /** Put in front of each option's name. */
  prefix?: string;
  /** Whether `null` is the same as leaving an option out. */
  nullable?: boolean;
  /** Names of options inside of these, such as `paceline.topK`, that may be meant. */
  inside?: readonly string[];
}

type Rules<R> = Readonly<Record<string, R>>;

/**
 * Gives `options` back where every one of them is in `table` and as it should be.
 *
 * @throws {@link PacelineError} `invalid-option`, `unsupported`, or the code of the option's rule
 */
export function checked<T extends object>(options: T, table: Rules<Rule>, reading: Reading): T;
/** The same where rules depend on the engine; `known` is what it has. */
export function checked<T extends object>(
  options: T,
  table: Rules<EngineRule>,
  reading: Reading,
  known: Known,
): T;
export function checked<T extends object>(
  options: T,
  table: Rules<EngineRule>,
  reading: Reading,
  known: Known = { drafters: [], verifiers: [], lossy: [] },
): T {
  const { name, prefix = '', nullable = false } = reading;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse(name, options, `an object of options (${Object.keys(table).join(', ')})`);
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || (nullable && value === null)) {
      continue;
    }
    const rule = Object.hasOwn(table, key) ? table[key] : undefined;
    if (rule) {
      rule(value, prefix + key, known);
    } else {
      unknown(key, value, Object.keys(table), reading);
    }
  }
  return options;
}

/** A set of options inside an option. */
export function nested(
  table: Rules<EngineRule>,
  { nullable = false }: Pick<Reading, 'nullable'> = {},
): EngineRule {
  return (value, name, known) =>
    checked(value as object, table, { name, of: name, prefix: `${name}.`, nullable }, known);
}

/** Some of a table. */
export function only<T extends Rules<EngineRule>, K extends keyof T>(table: T, ...names: K[]): Pick<T, K> {
  return Object.fromEntries(names.map(name => [name, table[name]])) as unknown as Pick<T, K>;
}

function unknown(
  key: string,
  value: unknown,
  names: readonly string[],
  { of, prefix = '', inside = [] }: Reading,
): void {
  const meant = closest(key, [...names.map(name => prefix + name), ...inside]);
  const elsewhere = Object.keys(NOT_HERE).find(name => plain(name) === plain(key));
  if (elsewhere !== undefined && !meant?.exact) {
    notHere(elsewhere)(value, prefix + key);
    return;
  }
  const remedy = meant ? `did you mean ${meant.name}?` : `there are ${names.join(', ')}`;
  throw new PacelineError('invalid-option', `${prefix}${key} is no option of ${of}; ${remedy}`);
}

/** The name that `key` may be a slip of the pen for; `exact` where it is merely spelled in another way. */
function closest(key: string, names: readonly string[]): { name: string; exact: boolean } | undefined {
  const wanted = plain(key);
  const most = Math.max(1, Math.floor(wanted.length / 3));
  const near = names
    .map(name => ({ name, edits: distance(wanted, plain(name.split('.').at(-1) ?? '')) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits)[0];
  return near && { name: near.name, exact: near.edits === 0 };
}

/** Letters to put in, take out or exchange until `a` is `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const exchanged = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(exchanged, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
