/**
 * The service worker: keeps the page's own files, so that it opens with the network off. Models are none of its business:
 * they are in the store.
 *
 * A version of the page is one cache, filled as a whole before it is used. A newer version waits until the visitor takes
 * it, so that no page ever gets files of two versions.
 */

/** What a service worker can do, as far as this one needs it. */
interface Scope {
  addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly crossOriginIsolated: boolean;
  readonly clients: { claim(): Promise<void> };
  readonly registration: { readonly scope: string };
}
interface Extendable {
  waitUntil(done: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** Filled in by `build/precache.ts`. */
declare const __FILES__: string[];
declare const __VERSION__: string;

const FILES: string[] = __FILES__;
const PREFIX = 'paceline-page-';
const CACHE = `${PREFIX}${__VERSION__}`;

/** What a host may change without a new version of the page: asked for first, and kept for the time without network. */
const LIVE = 'models.json';

const scope = globalThis as unknown as Scope;
const root = scope.registration.scope;
/** What only pages load that may share memory with workers; where this is one, so are its pages. */
const SHARED = 'paceline_threads';
const kept = new Set(
  FILES.filter(file => !file.includes(SHARED) || scope.crossOriginIsolated).map(
    file => new URL(file, root).href,
  ),
);

scope.addEventListener('install', event => event.waitUntil(fill()));
scope.addEventListener('activate', event => event.waitUntil(takeOver()));
scope.addEventListener('message', ({ data }) => {
  if (data === 'take-over') {
    void scope.skipWaiting();
  }
});
scope.addEventListener('fetch', event => {
  const { request } = event;
  const name = nameOf(request);
  if (request.method === 'GET' && kept.has(name)) {
    event.respondWith(serve(name, request));
  }
});

/** What a request asks for, without what comes behind `?` or `#`. The page is the same with its file's name. */
function nameOf(request: Request): string {
  const { origin, pathname } = new URL(request.url);
  const name = origin + pathname;
  return name === `${root}index.html` ? root : name;
}

async function serve(name: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  if (name === root + LIVE) {
    const answer = await fetch(request).catch(() => undefined);
    if (answer?.ok) {
      await cache.put(name, answer.clone());
      return answer;
    }
  }
  return (await cache.match(name)) ?? fetch(request);
}

/** Fetches all files past the browser's own cache. */
async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([...kept].map(url => new Request(url, { cache: 'reload' })));
}

/** Throws older versions away. */
async function takeOver(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter(name => name.startsWith(PREFIX) && name !== CACHE).map(name => caches.delete(name)),
  );
  await scope.clients.claim();
}
