/**
 * Writing a model: what comes is hashed on its way to the shelf.
 * @module
 */

import type { Transfer } from '../bytes/transfer.js';
import { PacelineError } from '../errors.js';
import type { Entry } from './catalogue.js';
import { Digest, type Hashes } from './digest.js';
import { missing, progressOf } from './entry.js';
import { pump } from './pump.js';
import type { Records } from './records.js';
import { hasRoom, isFull, storeFull } from './room.js';
import type { Appender } from './shelf.js';
import type { ImportOptions, StoredModel, StoreProgress } from './types.js';

/** Writes a file: what is there of it where `resumable`, then what `begin` gives from there on. */
export async function fill(
  records: Records,
  name: string,
  { sha256, signal }: ImportOptions,
  tell: (progress: StoreProgress) => void,
  resumable: boolean,
  begin: (at: number) => Promise<Transfer>,
): Promise<StoredModel> {
  let file: Transfer | undefined;
  let appender: Appender | undefined;
  try {
    const kept = resumable ? await records.shelf.blob(name) : undefined;
    file = await begin(kept?.size ?? 0);
    await hasRoom(name, file.total === undefined ? 0 : file.total - file.at);
    appender = await records.shelf.append(name);
    const { digest, stream, total } = await prepare(appender, file, kept, signal);
    const out = appender;
    if (out.size > 0) {
      tell(progressOf(out.size, total));
    }
    await pump(stream, signal, async bytes => {
      await out.append(bytes);
      tell(progressOf(out.size, total));
      await digest.update(bytes);
    });
    await appender.close();
    const { size } = appender;
    appender = undefined;
    if (total !== undefined && size !== total) {
      throw new PacelineError(
        'source-io',
        `${name} ended after ${size} of ${total} bytes; download it again to get the rest`,
      );
    }
    tell(progressOf(size, size));
    return await complete(records, name, size, await digest.finish(), sha256?.toLowerCase());
  } catch (error) {
    await file?.stream.cancel(error).catch(() => {});
    if (isFull(error)) {
      await appender?.close().catch(() => {});
      await records.remove(name);
      throw await storeFull(name, error);
    }
    // What has come stays, so that the next download goes on from there.
    await appender?.close().catch(() => {});
    await records.forgetEmpty(name);
    throw error;
  }
}

/** Brings file and hash to where `file` goes on. */
async function prepare(
  appender: Appender,
  file: Transfer,
  kept: Blob | undefined,
  signal: AbortSignal | undefined,
) {
  const digest = new Digest();
  if (file.at > 0) {
    if (!kept || appender.size !== kept.size) {
      throw new PacelineError('store-busy', 'the file changed while its download began; try again');
    }
    await pump(kept.slice(0, file.at).stream(), signal, bytes => digest.update(bytes));
  }
  if (appender.size !== file.at) {
    await appender.truncate(file.at);
  }
  return { digest, stream: file.stream, total: file.total };
}

/** Writes down that a file is whole. */
async function complete(
  records: Records,
  name: string,
  size: number,
  hashes: Hashes,
  wanted: string | undefined,
): Promise<StoredModel> {
  if (wanted !== undefined && wanted !== hashes.sha256) {
    await records.remove(name);
    throw new PacelineError(
      'store-checksum',
      `${name} has the SHA-256 ${hashes.sha256} and should have ${wanted}; check the address, or the checksum`,
    );
  }
  const entry = await records.catalogue.get(name);
  if (!entry) {
    throw missing(name);
  }
  const whole: Entry = { ...entry, ...hashes, total: size, complete: true, used: Date.now() };
  await records.catalogue.put(whole);
  return records.describe(whole);
}
