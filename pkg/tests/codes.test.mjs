// Whether `ErrorCode` has every code that there is, and the guide speaks of each: the engine's are read from its source.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

describe('the list of codes', () => {
  const folder = path => fileURLToPath(new URL(path, import.meta.url));
  const read = path => readFileSync(path, 'utf8');
  const files = (root, end) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith(end))
      .map(file => join(root, file));
  const literals = text => [...text.matchAll(/['"]([a-z]+(?:-[a-z0-9]+)*)['"]/g)].map(([, code]) => code);

  const listed = literals(/export type ErrorCode =([^;]*);/.exec(read(folder('../src/errors.ts')))[1]);
  /** Distillation is no part of the engine that a browser gets, nor is the command line. */
  const engine = files(folder('../../src'), '.rs').filter(file => !/\/src\/(learn|cli)\//.test(file));
  /** Every `fn code`, with the file that it is in. */
  const functions = engine.flatMap(file =>
    read(file)
      .replaceAll(/#\[[^\]]*\]/g, '')
      .split(/\bfn code\([^)]*\)[^{]*/)
      .slice(1)
      .map(rest => ({ file, body: rest.slice(0, rest.search(/\n {0,4}\}/)) })),
  );
  /** Those that the engine's errors have. An abort is no `PacelineError`. */
  const thrown = new Set(functions.flatMap(({ body }) => literals(body)).filter(code => code !== 'aborted'));
  /** Those that the package throws itself. */
  const own = new Set(
    files(folder('../src'), '.ts').flatMap(file => [
      ...literals([...read(file).matchAll(/PacelineError\(\s*('[a-z-]+')/g)].map(([, code]) => code).join()),
      ...literals([...read(file).matchAll(/code: ('[a-z-]+')/g)].map(([, code]) => code).join()),
    ]),
  );

  test('has every code of the engine', () => {
    expect(functions.length).toBeGreaterThan(8);
    for (const { file, body } of functions) {
      expect(literals(body).length + (body.match(/\.code\(\)/g)?.length ?? 0), file).toBeGreaterThan(0);
    }
    expect([...thrown].filter(code => !listed.includes(code))).toEqual([]);
  });

  test('has every code of the package', () => {
    expect([...own].filter(code => !listed.includes(code) && code !== 'aborted')).toEqual([]);
  });

  test('has nothing that is never thrown, and nothing twice', () => {
    const said = files(folder('../src'), '.ts')
      .filter(file => file !== folder('../src/errors.ts'))
      .map(read)
      .join();
    const inErrors = read(folder('../src/errors.ts')).replace(/export type ErrorCode =[^;]*;/, '');
    const never = listed.filter(code => !thrown.has(code) && !`${said}${inErrors}`.includes(`'${code}'`));
    expect(never).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  test('has each in a family that the guide explains', () => {
    const guide = read(folder('../../docs/guide.md'));
    const names = [...guide.matchAll(/`([a-z-]+)(\*?)`/g)];
    const explains = code => names.some(([, name, any]) => (any ? code.startsWith(name) : code === name));
    const missing = listed.filter(code => !explains(code));
    expect(missing).toEqual([]);
  });
});
