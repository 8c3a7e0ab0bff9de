/**
 * A stored file as a stream that fails where a block is not what was stored.
 * @module
 */

import { PacelineError } from '../errors.js';
import { BLOCK, hash } from './digest.js';

/**
 * The bytes of `blob` from `from` up to `to`, each block compared with its hash before it is handed on. The next block is
 * read meanwhile.
 */
export function checked(
  blob: Blob,
  blocks: readonly string[],
  name: string,
  from = 0,
  to = blob.size,
): ReadableStream<Uint8Array> {
  const end = Math.ceil(to / BLOCK);
  const read = async (i: number) => {
    const bytes = new Uint8Array(await blob.slice(i * BLOCK, (i + 1) * BLOCK).arrayBuffer());
    if ((await hash(bytes)) !== blocks[i]) {
      throw new PacelineError(
        'store-corrupt',
        `${name} has changed in the store at byte ${i * BLOCK} or after; download it again`,
      );
    }
    return bytes.subarray(Math.max(from - i * BLOCK, 0), to - i * BLOCK);
  };
  let at = Math.floor(from / BLOCK);
  let ahead = from < to ? read(at) : undefined;
  ahead?.catch(() => {}); // Whoever reads hears of it.
  return new ReadableStream(
    {
      async pull(controller) {
        if (!ahead) {
          controller.close();
          return;
        }
        const bytes = await ahead;
        ahead = ++at < end ? read(at) : undefined;
        ahead?.catch(() => {});
        controller.enqueue(bytes);
      },
    },
    { highWaterMark: 0 },
  );
}
