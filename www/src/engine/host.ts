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
export type Origin = { url: string } | { stored: string } | { files: number };

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
  /** How long it took, the download left out where the browser had the files. */
  loadMs: number;
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
    const began = performance.now();
    const engine = await Paceline.load({
      target: target.source,
      draft: draft?.source,
      device,
      // What is to be kept is in the store by now.
      cache: false,
      onProgress,
      signal,
    });
    this.loaded.value = { engine, plan, loadMs: performance.now() - began };
  }

  /**
   * Brings back an engine that is lost: the models are loaded again, maybe onto another device.
   *
   * @throws what the load throws
   */
  async recover(): Promise<void> {
    await this.loaded.value?.engine.recover();
    this.loaded.value = this.loaded.value;
  }

  unload(): void {
    this.loaded.value?.engine.dispose();
    this.loaded.value = undefined;
  }
}

const LOSSES: Record<string, string> = {
  'engine-crashed': 'The engine crashed. Load it again, and go on where you were.',
  'engine-disposed': 'The engine is gone. Load it again, and go on where you were.',
  'gpu-lost':
    'The GPU was lost, as it is when a driver restarts or a machine sleeps. Load it again, and go on.',
};

/** What to say where the engine is gone with this error; `undefined` where it is still there. */
export function lossOf(error: unknown): string | undefined {
  return error instanceof PacelineError ? LOSSES[error.code] : undefined;
}
