/** What a screen reader says. */

import { byId } from './build';

/** Says `text` when what is being said has ended. */
export function announce(text: string): void {
  byId('announce').textContent = text;
}
