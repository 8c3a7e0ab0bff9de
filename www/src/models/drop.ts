/** Files that are dropped anywhere on the page. */

import { modelsOf } from './files';

/** Calls `take` for each model among them. */
export function acceptDrops(take: (files: File[]) => void): void {
  addEventListener('dragover', event => {
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  const end = () => document.body.classList.remove('dragging');
  addEventListener('dragleave', event => event.relatedTarget ?? end());
  addEventListener('drop', event => {
    event.preventDefault();
    end();
    modelsOf([...(event.dataTransfer?.files ?? [])]).forEach(take);
  });
}
