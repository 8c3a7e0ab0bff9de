/**
 * The files of a split model. In the store they lie one after the other in one file, so that they come, are checked and
 * go as one model.
 * @module
 */

import {
  isKnown,
  NO_VERSION,
  probe,
  sameVersion,
  transfer,
  type Transfer,
  type Version,
} from '../bytes/transfer.js';
import { PacelineError } from '../errors.js';

/** What is known of a file of a split model. */
export interface Part {
  name?: string | undefined;
  url?: string | undefined;
  /** What the server called this version of it. */
  etag?: string | undefined;
  modified?: string | undefined;
  /** Its bytes, where they are known; those of a complete model are. */
  total?: number | undefined;
}

/** All files from somewhere on, and what is known of them by now. */
export interface PartsTransfer extends Transfer {
  parts: Part[];
}

/** How many parts are asked for at once: browsers have no more connections to a host. */
const PROBES = 6;

/** A part that can be fetched. */
type Remote = Part & { url: string };

/**
 * Requests the files of a model, of which `kept` bytes are there. What is there goes only where the server has other
 * versions by now, or may have.
 *
 * @param note - called when more is known of the parts
 */
export async function transferParts(
  parts: readonly Remote[],
  kept: number,
  signal: AbortSignal | undefined,
  note: (parts: Part[]) => Promise<void>,
): Promise<PartsTransfer> {
  const probes = await probeAll(parts, signal);
  const { index, at, within } = resume(parts, kept, probes);
  const known: Part[] = parts.map((part, i) =>
    i < index ? part : { ...part, ...NO_VERSION, total: undefined, ...probes[i] },
  );
  const fetch = async (i: number, from: number, version: Version): Promise<Transfer> => {
    const { url, name } = parts[i] as Remote;
    const file = await transfer(url, from, version, signal);
    const promised = probes[i]?.total;
    if (promised !== undefined && file.total !== undefined && promised !== file.total) {
      await file.stream.cancel().catch(() => {});
      throw new PacelineError('source-io', `${url} changed while it was downloaded; download it again`);
    }
    known[i] = { name, url, ...file.version, total: file.total ?? promised };
    return file;
  };
  const first = index < parts.length ? await fetch(index, within, versionOf(parts[index])) : undefined;
  const open = async (i: number) => {
    const file = i === index && first ? first : await fetch(i, 0, NO_VERSION);
    await note(known);
    return file;
  };
  return {
    parts: known,
    at: at + (first?.at ?? 0),
    total: sum(known),
    version: NO_VERSION,
    stream: joined(known, index, first?.at ?? 0, open, note),
  };
}

/** The same for files that are there already. */
export function importParts(
  files: readonly {
    stream: ReadableStream<Uint8Array>;
    size: number | undefined;
    name?: string | undefined;
  }[],
  note: (parts: Part[]) => Promise<void>,
): PartsTransfer {
  const parts: Part[] = files.map(({ name, size }) => ({ name, total: size }));
  const open = async (i: number) => files[i] as (typeof files)[number];
  return { parts, at: 0, total: sum(parts), version: NO_VERSION, stream: joined(parts, 0, 0, open, note) };
}

/** What the server says of each part; a few are asked for at a time, and none after one that is not there. */
async function probeAll(parts: readonly Remote[], signal: AbortSignal | undefined) {
  const probes: Awaited<ReturnType<typeof probe>>[] = [];
  while (probes.length < parts.length) {
    const some = parts.slice(probes.length, probes.length + PROBES);
    probes.push(...(await Promise.all(some.map(({ url }) => probe(url, signal)))));
  }
  return probes;
}

/** The first part that is to be fetched, where it begins, and where in it to go on. */
function resume(parts: readonly Remote[], kept: number, probes: readonly (Part | undefined)[]) {
  let [index, at] = [0, 0];
  for (const [i, part] of parts.entries()) {
    const probed = probes[i];
    const whole = part.total !== undefined && at + part.total <= kept;
    // Parts of two versions of a model do not go together.
    if (!whole || !probed || !sameVersion(versionOf(part), versionOf(probed))) {
      break;
    }
    [index, at] = [i + 1, at + (part.total ?? 0)];
  }
  const current = parts[index];
  const within = current && isKnown(versionOf(current)) ? kept - at : 0;
  // A part that is whole, and of which the server does not tell the version, comes again.
  return { index, at, within: within < (current?.total ?? Infinity) ? within : 0 };
}

function versionOf(part: Part | undefined): Version {
  return { etag: part?.etag, modified: part?.modified };
}

/** The bytes of all parts in all; `undefined` where those of one are not known. */
function sum(parts: readonly Part[]): number | undefined {
  return parts.reduce<number | undefined>(
    (sum, { total }) => (sum === undefined || total === undefined ? undefined : sum + total),
    0,
  );
}

/** One stream of the parts from the `index`-th on, of which `have` bytes are there. Notes how long they turn out to be. */
function joined(
  parts: Part[],
  index: number,
  have: number,
  open: (i: number) => Promise<{ stream: ReadableStream<Uint8Array> }>,
  note: (parts: Part[]) => Promise<void>,
): ReadableStream<Uint8Array> {
  async function* bytes() {
    for (let i = index; i < parts.length; i++) {
      let size = i === index ? have : 0;
      const reader = (await open(i)).stream.getReader();
      try {
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          size += next.value.length;
          yield next.value;
        }
      } finally {
        reader.cancel().catch(() => {});
      }
      const part = parts[i] ?? {};
      if (part.total !== undefined && part.total !== size) {
        throw new PacelineError(
          'source-io',
          `${part.name ?? `file ${i + 1}`} ended after ${size} of ${part.total} bytes; download it again to get the rest`,
        );
      }
      parts[i] = { ...part, total: size };
      await note(parts);
    }
  }
  const chunks = bytes();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
