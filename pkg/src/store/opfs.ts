/**
 * A shelf in the origin private file system. Files are written in place, which dedicated workers alone can do.
 * @module
 */

import { PacelineError } from '../errors.js';
import type { Appender, Shelf } from './shelf.js';

/** What workers know of a file handle: TypeScript's page library leaves it out. */
interface SyncAccessHandle {
  getSize(): number;
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

type SyncFileHandle = FileSystemFileHandle & {
  createSyncAccessHandle?: () => Promise<SyncAccessHandle>;
};

/** How often, and after how many ms, to try again where a dead worker's handle has not been let go of yet. */
const RETRIES = 20;
const RETRY_MS = 100;

/** A folder of the origin private file system. */
export class OpfsShelf implements Shelf {
  readonly backend = 'opfs';
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** Opens the folder called `directory`; throws where there is no such file system. */
  static async open(directory: string): Promise<OpfsShelf> {
    const root = await navigator.storage.getDirectory();
    return new OpfsShelf(await root.getDirectoryHandle(encodeURIComponent(directory), { create: true }));
  }

  async blob(name: string): Promise<Blob | undefined> {
    try {
      const handle = await this.#folder.getFileHandle(encodeURIComponent(name));
      return await handle.getFile();
    } catch (error) {
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
  }

  async append(name: string): Promise<Appender> {
    const handle: SyncFileHandle = await this.#folder.getFileHandle(encodeURIComponent(name), {
      create: true,
    });
    if (!handle.createSyncAccessHandle) {
      throw new PacelineError(
        'store-unavailable',
        'models can only be written from a page or a dedicated worker; call the store from there',
      );
    }
    for (let attempt = 0; ; attempt++) {
      try {
        return new OpfsAppender(await handle.createSyncAccessHandle());
      } catch (error) {
        const held = error instanceof DOMException && error.name === 'NoModificationAllowedError';
        if (!held || attempt === RETRIES) {
          throw error;
        }
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#folder.removeEntry(encodeURIComponent(name));
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      }
    }
  }
}

class OpfsAppender implements Appender {
  readonly #handle: SyncAccessHandle;
  #size: number;

  constructor(handle: SyncAccessHandle) {
    this.#handle = handle;
    this.#size = handle.getSize();
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    // Chromium gives a huge number, a negative error code, where it should throw.
    const written = this.#handle.write(bytes, { at: this.#size });
    this.#size = this.#handle.getSize();
    if (written !== bytes.length) {
      throw new DOMException('The file was not written to its end.', 'QuotaExceededError');
    }
  }

  async truncate(size: number): Promise<void> {
    this.#handle.truncate(size);
    this.#size = size;
  }

  async close(): Promise<void> {
    try {
      this.#handle.flush();
    } finally {
      this.#handle.close();
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotFoundError';
}
