/** The settings as a program. */

import type { Device, GenerateOptions } from 'paceline';
import type { Origin } from '../engine/host';

/** What a program needs to say. */
export interface Program {
  target: Origin;
  draft: Origin | undefined;
  device: Device;
  options: GenerateOptions;
  /** Whether the model has a chat template. */
  chat: boolean;
  prompt: string;
}

/** A TypeScript module that does what the page does. */
export function snippet({ target, draft, device, options, chat, prompt }: Program): string {
  const first = filesOf(target);
  const files = first + (draft ? filesOf(draft) : 0);
  const load = entries({
    target: origin(target, 0),
    draft: draft && origin(draft, first),
    device: device === 'auto' ? undefined : literal(device),
  });
  const generate = entries(
    Object.fromEntries(Object.entries(options).map(([name, value]) => [name, literal(value)])),
  );
  const call = chat ? `chat([{ role: 'user', content: ${literal(prompt)} }]` : `generate(${literal(prompt)}`;
  return [
    `import { Paceline } from 'paceline';`,
    '',
    ...(files > 0
      ? [
          '// <input type="file" multiple>',
          `const files = document.querySelector<HTMLInputElement>('input[type=file]')!.files!;`,
          '',
        ]
      : []),
    `const engine = await Paceline.load({`,
    ...load,
    `});`,
    `const run = engine.${call}, {`,
    ...generate,
    `});`,
    `for await (const { tokens } of run) {`,
    `  for (const { text, accepted } of tokens) console.log(text, accepted ? 'draft' : 'target');`,
    `}`,
    `const { text, stats } = await run.result;`,
    `console.log(text, stats.tokensPerSecond, stats.alphaTf);`,
    '',
  ].join('\n');
}

function filesOf(from: Origin): number {
  return 'files' in from ? from.files : 0;
}

/** A model that is picked is the files from the `first` one on. */
function origin(from: Origin, first: number): string {
  if ('files' in from) {
    return from.files === 1 ? `files[${first}]!` : `[...files].slice(${first}, ${first + from.files})`;
  }
  return literal('url' in from ? from.url : from);
}

function entries(values: Record<string, string | undefined>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name}: ${value},`],
  );
}

/** A value as it is written in a program. */
function literal(value: unknown): string {
  if (typeof value === 'string') {
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([name, part]) => `${name}: ${literal(part)}`);
    return `{ ${inner.join(', ')} }`;
  }
  return String(value);
}
