/** The views and the way between them: the address's fragment, so that links and the back button work. */

import { byId } from './build';

/** The views. Where there is room, `settings` stands beside the others instead. */
export const VIEWS = ['models', 'chat', 'race', 'settings'] as const;

export type View = (typeof VIEWS)[number];

/** Goes to `view`. */
export function go(view: View): void {
  location.hash = view;
}

/** Shows the view that the address names, now and whenever it changes; `usable` says whether it has anything to show. */
export function followAddress(usable: (view: View) => boolean): void {
  const follow = () => show(usable);
  addEventListener('hashchange', () => {
    follow();
    focusView();
  });
  follow();
}

/** The focus goes where a view is used, unless that would call up a keyboard on the screen. */
function focusView(): void {
  const main = byId('main');
  const field = main.querySelector<HTMLElement>(`[data-for=${document.body.dataset.view}] [data-focus]`);
  const first = field && matchMedia('(pointer: fine)').matches ? field : main;
  first.focus({ preventScroll: true });
}

/** Shows the view that the address names: the one that is shown where it names none, the models where it has nothing to show. */
export function show(usable: (view: View) => boolean): void {
  const fragment = location.hash.slice(1) as View;
  const named = VIEWS.includes(fragment) ? fragment : (document.body.dataset.view as View);
  const view = usable(named) ? named : 'models';
  document.body.dataset.view = view;
  for (const link of byId('nav').querySelectorAll('a')) {
    const target = link.hash.slice(1) as View;
    link.toggleAttribute('data-off', !usable(target));
    link.setAttribute('aria-disabled', `${!usable(target)}`);
    if (target === view) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
}
