// Whether `ErrorCode` has every code that there is, and the guide speaks of each: the engine's are read from its source.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const folder = path => fileURLToPath(new URL(path, import.meta.url));
const read = path => readFileSync(path, 'utf8');
const files = (root, end) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith(end))
    .map(file => join(root, file));
const literals = text => [...text.matchAll(/['"]([a-z]+(?:-[a-z0-9]+)*)['"]/g)].map(([, code]) => code);

/** The bodies of every `fn code` in some Rust. */
const bodies = rust =>
  rust
    .replaceAll(/#\[[^\]]*\]/g, '')
    .split(/\bfn code\([^)]*\)[^{;]*(?=\{)/)
    .slice(1)
    .map(rest => rest.slice(0, rest.search(/\n {0,4}\}/)));
/** The codes in some Rust. An abort is no `PacelineError`. */
const codesOf = rust =>
  bodies(rust)
    .flatMap(literals)
    .filter(code => code !== 'aborted');

const LIST = /export type ErrorCode =([^;]*);/;
const listed = literals(LIST.exec(read(folder('../src/errors.ts')))[1]);
/** Distillation is no part of the engine that a browser gets, nor is the command line. */
const engine = files(folder('../../src'), '.rs')
  .filter(file => !/\/src\/(learn|cli)\//.test(file))
  .map(file => ({ file, rust: read(file) }));
const thrown = new Set(engine.flatMap(({ rust }) => codesOf(rust)));
const typescript = files(folder('../src'), '.ts').map(read);
/** Those that the package throws itself. */
const own = new Set(
  typescript.flatMap(text => [
    ...literals([...text.matchAll(/PacelineError\(\s*('[a-z-]+')/g)].map(([, code]) => code).join()),
    ...literals([...text.matchAll(/code: ('[a-z-]+')/g)].map(([, code]) => code).join()),
  ]),
);

/** Codes of the engine that a list lacks. */
const unlisted = (thrown, listed) => [...thrown].filter(code => !listed.includes(code));
/** Codes of a list that neither the engine nor the package has. */
const unknown = (listed, thrown) => {
  const said = typescript.join().replace(LIST, '');
  return listed.filter(code => !thrown.has(code) && !said.includes(`'${code}'`));
};

describe('the list of codes', () => {
  test('is compared with every error of the engine: each says its code, one for each of its cases', () => {
    const errors = engine.filter(({ rust }) => /thiserror::Error\b[^{]*\benum Error\b/.test(rust));
    expect(errors.length).toBeGreaterThan(8);
    for (const { file, rust } of errors) {
      expect(bodies(rust), file).toHaveLength(1);
    }
    for (const { file, rust } of engine) {
      for (const body of bodies(rust)) {
        // An error of one kind alone has no arms.
        const cases = body.match(/=>/g)?.length ?? 1;
        expect(literals(body).length + (body.match(/\.code\(\)/g)?.length ?? 0), file).toBe(cases);
      }
    }
  });

  test('has every code of the engine', () => {
    expect(unlisted(thrown, listed)).toEqual([]);
  });

  test('has every code of the package', () => {
    expect(unlisted(own, [...listed, 'aborted'])).toEqual([]);
  });

  test('has nothing that is never thrown, and nothing twice', () => {
    expect(unknown(listed, thrown)).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  test('a code that only one side has would be found out', () => {
    const { rust } = engine.find(({ file }) => file.endsWith('/gguf/error.rs'));
    const more = rust.replace(
      /(fn code\(&self\)[^]*?match self \{)/,
      '$1\n            Self::New => "gguf-new",',
    );
    expect(unlisted(codesOf(more), listed)).toEqual(['gguf-new']);
    expect(unknown([...listed, 'gguf-new'], thrown)).toEqual(['gguf-new']);
    const fewer = codesOf(rust.replace('"gguf-magic"', '"gguf-mogic"'));
    expect(unlisted(fewer, listed)).toEqual(['gguf-mogic']);
    expect(unknown(listed, new Set([...thrown, ...fewer].filter(code => code !== 'gguf-magic')))).toEqual([
      'gguf-magic',
    ]);
  });

  test('has each in a family that the guide explains', () => {
    const guide = read(folder('../../docs/guide.md'));
    const names = [...guide.matchAll(/`([a-z-]+)(\*?)`/g)];
    const explains = code => names.some(([, name, any]) => (any ? code.startsWith(name) : code === name));
    const missing = listed.filter(code => !explains(code));
    expect(missing).toEqual([]);
  });
});
