/** Files that are dropped anywhere on the page. */

/** Calls `take` for each of them. */
export function acceptDrops(take: (file: File) => void): void {
  addEventListener('dragover', event => {
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  const end = () => document.body.classList.remove('dragging');
  addEventListener('dragleave', event => event.relatedTarget ?? end());
  addEventListener('drop', event => {
    event.preventDefault();
    end();
    [...(event.dataTransfer?.files ?? [])].forEach(take);
  });
}
