import { Paceline, PacelineError, type ChatMessage } from 'paceline';

const form = document.querySelector('form')!;
const stop = document.querySelector<HTMLButtonElement>('#stop')!;
const answer = document.querySelector('p')!;

const conversation: ChatMessage[] = [];
let engine: Promise<Paceline> | undefined;

/** Loads at the first question. */
function load(): Promise<Paceline> {
  engine ??= Paceline.load({
    target: '/models/SmolLM2-135M-Instruct.Q4_1.gguf',
    onProgress: ({ phase, loaded, total }) => (answer.textContent = `${phase}: ${loaded} of ${total} bytes`),
  });
  engine.catch(() => (engine = undefined));
  return engine;
}

async function ask(question: string, signal: AbortSignal): Promise<void> {
  const messages: ChatMessage[] = [...conversation, { role: 'user', content: question }];
  const run = (await load()).chat(messages, { maxTokens: 100, temperature: 0.7, signal });
  answer.textContent = '';
  for await (const { text } of run) {
    answer.append(text);
  }
  const { text } = await run.result;
  conversation.splice(0, conversation.length, ...messages, { role: 'assistant', content: text });
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const leave = new AbortController();
  stop.onclick = () => leave.abort();
  stop.disabled = false;
  try {
    await ask(String(new FormData(form).get('question')), leave.signal);
  } catch (error) {
    if (error instanceof PacelineError) {
      answer.textContent = `${error.code}: ${error.message}`;
    } else if (!leave.signal.aborted) {
      throw error;
    }
  } finally {
    stop.disabled = true;
  }
});
