/** The demo page: load a model, chat with it, race it. It uses nothing but the npm package. */

import type { Paceline } from 'paceline';
import './style/index.css';
import { Chat } from './chat/chat';
import { codeCard } from './code/panel';
import { deviceCard } from './device/device';
import { Host } from './engine/host';
import { Library } from './models/library';
import { acceptDrops } from './models/drop';
import { modelsView } from './models/view';
import { keepOffline } from './offline/register';
import { Race } from './race/race';
import { fit } from './settings/choices';
import { draftingCard } from './settings/drafting';
import { writingCard } from './settings/writing';
import { statusChip } from './status';
import { announce } from './ui/announce';
import { byId } from './ui/build';
import { followAddress, go, show, type View } from './ui/views';

const host = new Host();
const library = new Library();
const needsEngine = (view: View) => view !== 'models';
const usable = (view: View) => !needsEngine(view) || host.loaded.value !== undefined;

const models = modelsView(library, host, () => go('chat'));
/** Brings a lost engine back; where that fails, its load is begun anew, and says what is wrong. */
const reload = () => {
  announce('Loading again');
  host.recover().then(
    () => announce('The model is loaded'),
    () => {
      host.unload();
      go('models');
      void models.start.load();
    },
  );
};
const chat = new Chat(host, reload);
const race = new Race(host, reload);
byId('main').append(models.root, chat.root, race.root);
byId('side').append(draftingCard(host), writingCard(), deviceCard(host), codeCard(host));
byId('status').append(statusChip(host));

let fitted: Paceline | undefined;
host.loaded.watch(loaded => {
  document.body.dataset.engine = loaded ? 'loaded' : 'none';
  if (loaded) {
    // An engine that was brought back may run elsewhere, and have less.
    fit(loaded.engine.info, loaded.engine !== fitted);
  }
  fitted = loaded?.engine;
  show(usable);
});
followAddress(usable);
acceptDrops(files => {
  go('models');
  models.start.take(files);
});

await library.open();
document.body.dataset.ready = '';
keepOffline(byId('notices'));
