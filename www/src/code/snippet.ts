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
  const files = [target, draft].filter(origin => origin && 'file' in origin).length;
  const load = entries({
    target: origin(target, 0),
    draft: draft && origin(draft, files - 1),
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

function origin(from: Origin, index: number): string {
  if ('file' in from) {
    return `files[${index}]!`;
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
