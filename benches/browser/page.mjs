// What the measured pages share: their parameters, and telling the harness.

/** The page's parameters. */
export const query = Object.fromEntries(new URLSearchParams(location.search));

const post = (path, body) => fetch(path, { method: 'POST', body });

/** A line for the terminal. */
export const log = (line) => post('/log', line);

/** Runs `measure` and reports what it gives, or its error. */
export async function report(measure) {
  try {
    await post('/result', JSON.stringify(await measure()));
  } catch (error) {
    await post('/result', JSON.stringify({ error: String(error?.stack ?? error) }));
  }
}

/** What `work` gives, with its time and the browser's processor time in milliseconds. */
export async function timed(work) {
  const cpu = async () => (await fetch('/cpu')).json();
  const before = await cpu();
  const began = performance.now();
  const value = await work();
  const wall_ms = performance.now() - began;
  return { value, wall_ms, cpu_ms: (await cpu()) - before };
}

/** A line about a finished run. */
export function logRun(name, run) {
  return log(
    `${name}: prompt of ${run.prompt_tokens} in ${Math.round(run.prefill_ms)} ms, ` +
      `${run.tokens} tokens in ${Math.round(run.decode_ms)} ms, ` +
      `${(run.cpu_ms / run.wall_ms).toFixed(2)} cores busy`,
  );
}
