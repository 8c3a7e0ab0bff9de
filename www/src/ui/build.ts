/** Markup to elements. */

/** An element, and those of its parts that have a name. */
export interface Built<Parts> {
  root: HTMLElement;
  parts: Parts;
}

/**
 * Makes the one element that `markup` describes, and gives the parts with a `data-part` by their names. Markup is a
 * constant of the page: what a visitor or a model wrote is only ever set as text.
 */
export function build<Parts>(markup: string): Built<Parts> {
  const template = document.createElement('template');
  template.innerHTML = markup.trim();
  const root = template.content.firstElementChild as HTMLElement;
  const named = [root, ...root.querySelectorAll<HTMLElement>('[data-part]')].filter(e => e.dataset.part);
  const parts = Object.fromEntries(named.map(element => [element.dataset.part, element]));
  return { root, parts: parts as Parts };
}

/** An element with text in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== '') {
    made.className = className;
  }
  return made;
}

/** The element with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`the page has no #${id}`);
  }
  return found;
}
