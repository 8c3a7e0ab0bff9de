// Which file imports which, type imports included, by the parser that bundles the package. The known tools for this need
// a JavaScript API of TypeScript, which TypeScript 7 has not, or a newer Node.js than the package.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

/** The TypeScript below `folder`, each with what it holds. */
export function sources(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  );
  return new Map(names.sort().map(name => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** The imports of each of some files, in the files themselves. */
export function importsOf(files) {
  const find = (from, path) => {
    const name = posix.join(posix.dirname(from), path);
    return [name, `${name}.ts`, name.replace(/\.js$/, '.ts')].find(name => files.has(name));
  };
  const imports = new Map();
  for (const [name, text] of files) {
    const found = paths(parseAst(text, { lang: 'ts' })).filter(path => path.startsWith('.'));
    imports.set(name, [...new Set(found.map(path => find(name, path)).filter(Boolean))]);
  }
  return imports;
}

/** Where an import, an export or a type is taken from, anywhere in a tree. */
function paths(node) {
  if (typeof node !== 'object' || node === null) {
    return [];
  }
  const own = typeof node.source?.value === 'string' ? [node.source.value] : [];
  return [...own, ...Object.values(node).flatMap(paths)];
}

/** A way from a file back to itself for each knot of files, such as `a.ts -> b.ts -> a.ts`. */
export function cycles(imports) {
  const done = new Set();
  const found = [];
  const visit = (name, way) => {
    const start = way.indexOf(name);
    if (start >= 0) {
      found.push([...way.slice(start), name].join(' -> '));
    } else if (!done.has(name)) {
      imports.get(name).forEach(next => visit(next, [...way, name]));
      done.add(name);
    }
  };
  [...imports.keys()].forEach(name => visit(name, []));
  return found;
}

/** The rooms of the package and their order, from the table in `src/README.md`: lists of files and folders. */
export function rooms(readme) {
  const rows = [...readme.matchAll(/^\| (`[^|]*`) +\|/gm)];
  return rows.map(([, names]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
}

/** Imports of a room from one below it in the table, and files that are in no room. */
export function upward(imports, rooms) {
  const roomOf = file =>
    rooms.findIndex(names =>
      names.some(name => file === name || (name.endsWith('/') && file.startsWith(name))),
    );
  return [...imports].flatMap(([file, others]) =>
    roomOf(file) < 0
      ? [`${file} is in no room`]
      : others.filter(other => roomOf(other) > roomOf(file)).map(other => `${file} imports ${other}`),
  );
}
