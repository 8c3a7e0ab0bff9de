/** A store in memory, for tests of the vault. */

import type { Catalogue, Entry } from '../src/store/catalogue.js';
import type { Locks } from '../src/store/locks.js';
import type { Appender, Shelf } from '../src/store/shelf.js';

/** A shelf in memory, with room for `room` bytes. */
export class MemoryShelf implements Shelf {
  readonly backend = 'opfs';
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  room = Infinity;

  async blob(name: string): Promise<Blob | undefined> {
    const bytes = this.files.get(name);
    return bytes && new Blob([bytes]);
  }

  async append(name: string): Promise<Appender> {
    const { files } = this;
    const get = () => files.get(name) ?? new Uint8Array();
    const room = () => this.room;
    files.set(name, get());
    return {
      get size() {
        return get().length;
      },
      async append(bytes) {
        const before = get();
        if (before.length + bytes.length > room()) {
          throw new DOMException('full', 'QuotaExceededError');
        }
        const after = new Uint8Array(before.length + bytes.length);
        after.set(before);
        after.set(bytes, before.length);
        files.set(name, after);
      },
      async truncate(size) {
        files.set(name, get().slice(0, size));
      },
      async close() {},
    };
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
}

export class MemoryCatalogue implements Catalogue {
  readonly entries = new Map<string, Entry>();
  get = async (name: string) => structuredClone(this.entries.get(name));
  all = async () => structuredClone([...this.entries.values()]);
  put = async (entry: Entry) => void this.entries.set(entry.name, structuredClone(entry));
  delete = async (name: string) => void this.entries.delete(name);
}

/** Exclusive locks, in the order that they are asked for. */
export function queueLocks(): Locks {
  const turns = new Map<string, Promise<unknown>>();
  return async (name, _mode, signal, work) => {
    signal?.throwIfAborted();
    const turn = (turns.get(name) ?? Promise.resolve()).then(work);
    turns.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  };
}
