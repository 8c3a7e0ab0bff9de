/** Colours of the style sheet, for what is drawn on a canvas. */

const known = new Map<string, string>();
const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', () => known.clear());

/** The value that a custom property has in the scheme of the moment. */
export function colour(name: `--${string}`): string {
  const value = known.get(name) ?? look(name);
  known.set(name, value);
  return value;
}

function look(name: `--${string}`): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Calls `listener` when the colour scheme changes. */
export function onSchemeChange(listener: () => void): void {
  dark.addEventListener('change', listener);
}
