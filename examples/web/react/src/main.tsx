import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { usePaceline } from './usePaceline';

function Chat() {
  const { ready, progress, error, text, ask, stop } = usePaceline({
    target: '/models/SmolLM2-135M-Instruct.Q4_1.gguf',
  });
  if (error) {
    return <p role="alert">{String(error)}</p>;
  }
  return (
    <form action={data => ask([{ role: 'user', content: String(data.get('question')) }], { maxTokens: 100 })}>
      <label>
        Ask <input name="question" defaultValue="Why is the sky blue?" />
      </label>
      <button disabled={!ready}>{ready ? 'Ask' : `${Math.floor(100 * progress)}%`}</button>
      <button type="button" onClick={stop}>
        Stop
      </button>
      <p aria-live="polite">{text}</p>
    </form>
  );
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
