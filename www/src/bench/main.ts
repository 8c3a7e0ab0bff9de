/** The page that measures the machine it is opened on: every way to decode, side by side. */

import '../style/bench-page.css';
import { Host } from '../engine/host';
import { Library } from '../models/library';
import { Start } from '../models/start';
import { keepOffline } from '../offline/register';
import { announce } from '../ui/announce';
import { build, byId } from '../ui/build';
import { messageOf, Problem } from '../ui/problem';
import { Panel } from './panel';
import { readQuery } from './query';

interface Parts {
  title: HTMLElement;
  unload: HTMLButtonElement;
}

const query = readQuery(location);
const host = new Host();
const library = new Library();
const problem = new Problem();
const panel = new Panel(host, query);
const start = new Start(library, host, () => byId('measure').focus());
const { root: loadedCard, parts } = build<Parts>(`
  <div class="card loaded">
    <p><strong data-part="title"></strong> is loaded.</p>
    <button type="button" class="quiet" id="unload" data-part="unload">Unload</button>
  </div>`);
parts.unload.addEventListener('click', () => {
  host.unload();
  byId('load').focus();
});
byId('main').append(problem.root, start.root, loadedCard, panel.root);

host.loaded.watch(loaded => {
  start.root.hidden = loaded !== undefined;
  loadedCard.hidden = loaded === undefined;
  document.body.dataset.engine = loaded ? 'loaded' : 'none';
  const { target, draft } = loaded?.plan ?? {};
  parts.title.textContent = [target?.title, draft?.title].filter(Boolean).join(' with ');
});

await library.open();
document.body.dataset.ready = '';
keepOffline(byId('notices'));
if (query.plan) {
  await drive().catch(() => {});
}

/** Loads and measures as the address asks, and posts what comes out. */
async function drive(): Promise<void> {
  try {
    if (query.plan) {
      announce('Loading');
      await host
        .load(query.plan, () => {}, new AbortController().signal)
        .catch(reason => {
          problem.show(reason);
          throw reason;
        });
    }
    if (query.start) {
      await post({ event: 'end', ...(await panel.run()) });
    }
  } catch (reason) {
    await post({ event: 'error', message: messageOf(reason) });
  }
}

async function post(body: object): Promise<void> {
  if (query.post) {
    await fetch(query.post, { method: 'POST', body: JSON.stringify(body) });
  }
}
