// Whether imports go one way: no file reaches itself, and no room of the package needs one that comes after it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { cycles, importsOf, rooms, sources, upward } from '../scripts/imports.mjs';

const folder = path => fileURLToPath(new URL(path, import.meta.url));
const own = sources(folder('../src'));
const order = rooms(readFileSync(folder('../src/README.md'), 'utf8'));

describe('imports', () => {
  test.each([
    ['the package', own, 'index.ts', 'engine/engine.ts'],
    ['the page', sources(folder('../../www/src')), 'main.ts', 'ui/views.ts'],
  ])('of %s have no circle', (_, files, file, other) => {
    const imports = importsOf(files);
    expect(imports.get(file)).toContain(other);
    expect(cycles(imports)).toEqual([]);
  });

  test('of the package follow the table of its rooms', () => {
    expect(order.length).toBeGreaterThan(5);
    const lost = order.flat().filter(name => ![...own.keys()].some(file => file.startsWith(name)));
    expect(lost).toEqual([]);
    expect(upward(importsOf(own), order)).toEqual([]);
  });

  test("of the wasm module's types name files that there are", () => {
    // The types that wasm-bindgen writes are no longer checked where one of these is missing.
    const web = folder('../../src/web');
    const rust = readdirSync(web, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.rs'))
      .map(file => readFileSync(join(web, file), 'utf8'));
    const named = [...rust.join().matchAll(/ from '\.\/([^']+)\.js'/g)].map(([, path]) => `${path}.ts`);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter(name => !own.has(name))).toEqual([]);
  });

  test.each([
    ["import { Paceline } from '../engine/engine.js';"],
    ["import type { Paceline } from '../engine/engine.js';"],
    ["import { type Paceline } from '../engine/engine.js';"],
    ["export { Paceline } from '../engine/engine.js';"],
    ["export * from '../engine/engine.js';"],
    ["export type Engine = import('../engine/engine.js').Paceline;"],
    ["export const engine = () => import('../engine/engine.js');"],
  ])('such as %s would be found out', line => {
    const file = 'types/load.ts';
    const imports = importsOf(new Map([...own, [file, `${own.get(file)}\n${line}\n`]]));
    expect(upward(imports, order)).toEqual([`${file} imports engine/engine.ts`]);
    expect(cycles(imports).join()).toContain(`${file} -> engine/engine.ts`);
  });

  test('a file in no room would be found out', () => {
    const imports = importsOf(new Map([...own, ['misc/new.ts', '']]));
    expect(upward(imports, order)).toEqual(['misc/new.ts is in no room']);
  });
});
