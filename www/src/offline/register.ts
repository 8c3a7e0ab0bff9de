/** Offline use: registers the service worker, and offers a newer version of the page when there is one. */

import { Notice } from './notice';

/** Keeps the page for use without a network. Notices go to `host`. */
export function keepOffline(host: HTMLElement): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) {
    return;
  }
  const notice = new Notice();
  host.append(notice.root);
  register(notice).catch(() => {
    // Without it, the page works as long as the network does.
  });
}

async function register(notice: Notice): Promise<void> {
  const { serviceWorker } = navigator;
  const first = serviceWorker.controller === null;
  const registration = await serviceWorker.register('./sw.js');

  const offer = (waiting: ServiceWorker) =>
    notice.show('A new version of this page is ready.', 'Reload', () => {
      serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
      waiting.postMessage('take-over');
    });
  if (registration.waiting && !first) {
    offer(registration.waiting);
  }
  registration.addEventListener('updatefound', () => {
    const coming = registration.installing;
    coming?.addEventListener('statechange', () => {
      if (coming.state === 'installed' && registration.active) {
        offer(coming);
      }
    });
  });
  if (!first) {
    // Another tab took the new version: this one still shows the old one, whose files are gone.
    serviceWorker.addEventListener('controllerchange', () =>
      notice.show('Another tab took a new version of this page.', 'Reload', () => location.reload()),
    );
  }
  document.addEventListener(
    'visibilitychange',
    () => document.hidden || void registration.update().catch(() => {}),
  );
  await serviceWorker.ready;
  document.body.dataset.offline = '';
}
