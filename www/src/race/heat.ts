/** One run of a race, recorded. */

import type { ChatMessage, GenerateOptions, Paceline, Piece, Result, Session } from 'paceline';
import { answer } from '../engine/answer';

/** A piece, and when it came: in ms of its own run, the reading of the prompt left out. */
export interface Step {
  at: number;
  piece: Piece;
}

/** What a run brought. */
export interface Heat {
  steps: Step[];
  result: Result;
}

/** Tokens of the run before the run that counts: compiled code and clocks are warm then. */
const WARM_UP_TOKENS = 8;

/** Runs once; `onStep` hears of every piece. */
export async function runHeat(
  engine: Paceline,
  session: Session,
  messages: ChatMessage[],
  options: GenerateOptions,
  onStep: (step: Step) => void,
): Promise<Heat> {
  const { signal } = options;
  await answer(session, engine.info, [{ role: 'user', content: 'Hello' }], {
    drafter: options.drafter,
    gamma: options.gamma,
    maxTokens: WARM_UP_TOKENS,
    signal,
  }).result;
  const steps: Step[] = [];
  const run = answer(session, engine.info, messages, options);
  for await (const piece of run) {
    const step = { at: piece.stats.decodeMs, piece };
    steps.push(step);
    onStep(step);
  }
  return { steps, result: await run.result };
}
