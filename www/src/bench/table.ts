/** A table of figures. */

import { element } from '../ui/build';

/** Fills `table` with a head and rows; the first cell of each names its row. `wide` are columns that small screens leave out. */
export function fillTable(
  table: HTMLTableElement,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  wide: readonly string[] = [],
): void {
  const lineOf = (cells: readonly string[], tag: 'th' | 'td') => {
    const line = element('tr');
    for (const [i, text] of cells.entries()) {
      const cell = element(i === 0 ? 'th' : tag, text, wide.includes(heads[i] ?? '') ? 'wide' : '');
      cell.setAttribute('data-of', heads[i] ?? '');
      if (cell.tagName === 'TH') {
        cell.setAttribute('scope', tag === 'th' ? 'col' : 'row');
      }
      line.append(cell);
    }
    return line;
  };
  const head = element('thead');
  head.append(lineOf(heads, 'th'));
  const body = element('tbody');
  body.append(...rows.map(cells => lineOf(cells, 'td')));
  table.replaceChildren(head, body);
}
