/** The engine of this page: at most one, and what it was loaded from. */

import { Paceline, PacelineError, type Device, type LoadProgress, type Source } from 'paceline';
import { State } from '../ui/state';

/** A model to load: where its bytes are, and how a program would name that. */
export interface Pick {
  title: string;
  source: Source;
  origin: Origin;
}

/** Where a model comes from, as the code panel writes it. */
export type Origin = { url: string } | { stored: string } | { file: string };

/** What to load, and where it runs. */
export interface LoadPlan {
  target: Pick;
  draft: Pick | undefined;
  device: Device;
}

/** A loaded engine. */
export interface Loaded {
  engine: Paceline;
  plan: LoadPlan;
}

/** What keeps an engine busy: a race measures, so nothing else may run beside it. */
export type Work = 'chat' | 'race';

/** Loads engines and lets go of them. */
export class Host {
  readonly loaded = new State<Loaded | undefined>(undefined);
  readonly busy = new State<Work | undefined>(undefined);

  /** Loads, in place of what is loaded. */
  async load(
    plan: LoadPlan,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.unload();
    const { target, draft, device } = plan;
    const engine = await Paceline.load({
      target: target.source,
      draft: draft?.source,
      device,
      onProgress,
      signal,
    });
    this.loaded.value = { engine, plan };
  }

  unload(): void {
    this.loaded.value?.engine.dispose();
    this.loaded.value = undefined;
  }
}

/** Whether the engine is gone with this error, so that the model must be loaded again. */
export function isLost(engine: Paceline, error: unknown): boolean {
  return engine.disposed || (error instanceof PacelineError && error.code === 'gpu-lost');
}
