/** What is loaded, in the header. */

import type { Host } from './engine/host';
import { build } from './ui/build';

interface Parts {
  name: HTMLElement;
  device: HTMLElement;
}

/** Makes the chip. */
export function statusChip(host: Host): HTMLElement {
  const { root, parts } = build<Parts>(`
    <p class="chip"><span class="chip-name" data-part="name"></span> <span class="chip-device" data-part="device"></span></p>`);
  host.loaded.watch(loaded => {
    root.hidden = !loaded;
    if (loaded) {
      const { info } = loaded.engine;
      parts.name.textContent = loaded.plan.target.title;
      parts.device.textContent =
        info.device === 'cpu' ? 'CPU' : info.software ? 'WebGPU, software' : 'WebGPU';
    }
  });
  return root;
}
