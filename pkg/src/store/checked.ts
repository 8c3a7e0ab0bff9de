/**
 * A stored file as a stream that fails where a block is not what was stored.
 * @module
 */

import { PacelineError } from '../errors.js';
import { BLOCK, hash } from './digest.js';

/** The bytes of `blob`, each block compared with its hash before it is handed on. The next block is read meanwhile. */
export function checked(blob: Blob, blocks: readonly string[], name: string): ReadableStream<Uint8Array> {
  const count = Math.ceil(blob.size / BLOCK);
  const read = async (i: number) => {
    const bytes = new Uint8Array(await blob.slice(i * BLOCK, (i + 1) * BLOCK).arrayBuffer());
    if ((await hash(bytes)) !== blocks[i]) {
      throw new PacelineError(
        'store-corrupt',
        `${name} has changed in the store at byte ${i * BLOCK} or after; download it again`,
      );
    }
    return bytes;
  };
  let at = 0;
  let ahead = count > 0 ? read(0) : undefined;
  ahead?.catch(() => {}); // Whoever reads hears of it.
  return new ReadableStream(
    {
      async pull(controller) {
        if (!ahead) {
          controller.close();
          return;
        }
        const bytes = await ahead;
        ahead = ++at < count ? read(at) : undefined;
        ahead?.catch(() => {});
        controller.enqueue(bytes);
      },
    },
    { highWaterMark: 0 },
  );
}
