/** The demo page: load a model, then chat with it. It uses nothing but the npm package. */

import { byId } from './dom';
import { Chat } from './chat';
import { setUp } from './setup';

const chat = new Chat();

byId('unload').addEventListener('click', () => {
  chat.end();
  document.body.dataset.state = 'setup';
  byId('load').focus();
});

await setUp(engine => {
  document.body.dataset.state = 'chat';
  void chat.begin(engine);
});
