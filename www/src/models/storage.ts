/** The line about the browser's storage: how full it is, and whether it is for good. */

import { announce } from '../ui/announce';
import { build } from '../ui/build';
import { megabytes } from '../ui/format';
import { messageOf } from '../ui/problem';
import type { Library } from './library';

interface Parts {
  meter: HTMLMeterElement;
  text: HTMLElement;
  kept: HTMLElement;
  persist: HTMLButtonElement;
}

const BACKENDS = { opfs: 'private file system', cache: 'cache storage' };

/** Makes the line. */
export function storageLine(library: Library): HTMLElement {
  const { root, parts } = build<Parts>(`
    <div class="storage">
      <meter data-part="meter" min="0" max="1" aria-label="Storage used by this site"></meter>
      <p class="hint" id="storage-text" data-part="text"></p>
      <p class="hint"><span data-part="kept"></span>
        <button type="button" class="link" id="persist" data-part="persist">Ask it to keep them</button></p>
    </div>`);
  library.usage.watch(usage => {
    root.hidden = !usage && library.unavailable === undefined;
    parts.meter.hidden = !usage;
    parts.kept.textContent = '';
    parts.persist.hidden = !usage || usage.persisted;
    if (!usage) {
      parts.text.textContent =
        library.unavailable === undefined
          ? ''
          : `Nothing can be kept here: ${messageOf(library.unavailable)}`;
      return;
    }
    parts.meter.value = usage.quota > 0 ? usage.usage / usage.quota : 0;
    parts.text.textContent = `${megabytes(usage.usage)} of ${megabytes(usage.quota)} used, in the browser’s ${BACKENDS[usage.backend]}.`;
    parts.kept.textContent = usage.persisted
      ? 'Models stay until you delete them.'
      : 'The browser may clear them when room gets short.';
  });
  parts.persist.addEventListener('click', async () => {
    const persisted = await library.persist();
    announce(persisted ? 'The models stay until you delete them' : 'The browser did not promise it');
    if (!persisted) {
      parts.kept.textContent = 'The browser did not promise it: it may clear them when room gets short.';
    }
  });
  return root;
}
