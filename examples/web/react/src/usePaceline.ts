import { Paceline, type ChatMessage, type GenerateOptions, type LoadOptions } from 'paceline';
import { useCallback, useEffect, useRef, useState } from 'react';

/** An engine for as long as the component is there. `options` are read once. */
export function usePaceline(options: LoadOptions) {
  const [engine, setEngine] = useState<Paceline>();
  const [progress, setProgress] = useState(0);
  const [error, setError] = useState<unknown>();
  const [text, setText] = useState('');
  const first = useRef(options);
  const running = useRef<AbortController>(undefined);

  useEffect(() => {
    const leave = new AbortController();
    const onProgress: LoadOptions['onProgress'] = ({ loaded, total }) =>
      setProgress(total ? loaded / total : 0);
    const loading = Paceline.load({ ...first.current, onProgress, signal: leave.signal });
    loading.then(setEngine, error => leave.signal.aborted || setError(error));
    return () => {
      leave.abort();
      loading.then(engine => engine.dispose()).catch(() => {});
    };
  }, []);

  const stop = useCallback(() => running.current?.abort(), []);

  const ask = useCallback(
    async (messages: ChatMessage[], options: GenerateOptions = {}) => {
      stop();
      const leave = (running.current = new AbortController());
      setText('');
      try {
        for await (const piece of engine!.chat(messages, { ...options, signal: leave.signal })) {
          setText(text => text + piece.text);
        }
      } catch (error) {
        if (!leave.signal.aborted) {
          setError(error);
        }
      }
    },
    [engine, stop],
  );

  return { ready: engine !== undefined, progress, error, text, ask, stop };
}
