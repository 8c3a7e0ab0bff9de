import { ModelStore, Paceline } from './paceline/index.js';

const NAME = 'model';
const button = document.querySelector('button');
const answer = document.querySelector('p');
const store = await ModelStore.open();
let engine;

/** Loads the model that the store has, if it has one. */
async function load() {
  const model = (await store.list()).find(({ name, complete }) => name === NAME && complete);
  if (model) {
    engine?.dispose();
    engine = await Paceline.load({ target: { stored: NAME } });
    button.disabled = false;
  }
}

async function ask(question, show) {
  const run = engine.chat([{ role: 'user', content: question }], { maxTokens: 100 });
  for await (const { text } of run) {
    show?.(text);
  }
  return (await run.result).text;
}

document.querySelector('input[type=file]').addEventListener('change', async ({ target }) => {
  await store.import(NAME, target.files[0]);
  await load();
});

document.querySelector('form').addEventListener('submit', event => {
  event.preventDefault();
  answer.textContent = '';
  void ask(new FormData(event.target).get('question'), text => answer.append(text));
});

// The rest of the extension asks by message.
chrome.runtime.onMessage.addListener((message, _, respond) => {
  if (typeof message.ask !== 'string' || !engine) {
    return false;
  }
  ask(message.ask).then(
    text => respond({ text }),
    error => respond({ code: error.code, message: error.message }),
  );
  return true; // The answer comes later.
});

await load();
