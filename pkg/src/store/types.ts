/**
 * What the model store takes and gives.
 * @module
 */

/** A model in the store, or the part of it that has come so far. */
export interface StoredModel {
  /** What it is called in the store. */
  name: string;
  /** Where it came from; absent for an imported one. */
  url?: string;
  /** Bytes that are there. */
  bytes: number;
  /** Bytes of the whole file, where that is known. */
  total?: number;
  /** SHA-256 of the whole file in hexadecimal, once it is complete. */
  sha256?: string;
  /** The files of a split model: in the store they lie one after the other, and all that is said here is said of that. */
  parts?: StoredPart[];
  /** Whether it is whole. What is not can be downloaded on from where it stopped. */
  complete: boolean;
  /** When its download or import began. */
  added: Date;
  /** When it was last downloaded, read or loaded. */
  used: Date;
}

/** A file of a split model. */
export interface StoredPart {
  /** What it was called, where that is known. */
  name?: string;
  /** Where it came from; absent for an imported one. */
  url?: string;
  /** Its length, where that is known. */
  bytes?: number;
}

/** How far a download or an import is, in bytes. */
export interface StoreProgress {
  /** Bytes in the store. */
  loaded: number;
  /** Bytes of the whole file, where that is known. */
  total?: number;
}

/** How to download or import. */
export interface DownloadOptions {
  /** What to call it; by default the last part of the address, without the numbers of a split model's file. */
  name?: string;
  /** The SHA-256 that the file must have, in hexadecimal; of a split model, that of its files one after the other. */
  sha256?: string;
  /** Called as bytes arrive, at most some 20 times a second. */
  onProgress?: (progress: StoreProgress) => void;
  /** Pauses the download: the promise rejects with the signal's reason, and the next one goes on where it stopped. */
  signal?: AbortSignal;
  /** Begins anew even where the model is there. */
  force?: boolean;
}

/** How to import. */
export type ImportOptions = Pick<DownloadOptions, 'sha256' | 'onProgress' | 'signal'>;

/** Room in the browser's storage, in bytes. */
export interface StoreUsage {
  /** Bytes that this site uses, other things than models included. */
  usage: number;
  /** Bytes that the browser allows it. */
  quota: number;
  /** Whether the browser promised not to clear them when room gets short. */
  persisted: boolean;
  /** Where models lie: in the origin private file system, or in the Cache API where there is none. */
  backend: StoreBackend;
}

/** Where models lie. */
export type StoreBackend = 'opfs' | 'cache';
