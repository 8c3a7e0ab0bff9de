/** A model as the page lists it: offered by the site, kept in the browser, or picked from a disk. */

import type { StoredModel } from 'paceline';
import type { Origin } from '../engine/host';
import type { Role } from './catalogue';

export interface Model {
  /** Tells it from others. */
  key: string;
  title: string;
  /** What the site offers it for; other models may be either. */
  role: Role | undefined;
  /** Where it can be downloaded, as the visitor or the site wrote it. */
  url?: string;
  sha256?: string;
  /** Its length, where that is known. */
  bytes?: number;
  /** What the browser keeps of it. */
  stored?: StoredModel;
  /** Where it was picked from a disk: all of its files. */
  files?: File[];
  /** What is being done with it. */
  transfer?: Transfer;
  /** Why the last attempt failed. */
  problem?: unknown;
}

/** A download, an import or a check under way. */
export interface Transfer {
  kind: 'download' | 'import' | 'check';
  loaded: number;
  total: number | undefined;
  controller: AbortController;
}

/** Whether the browser has all of it. */
export function isKept({ stored }: Model): boolean {
  return stored?.complete ?? false;
}

/** Its length, as far as anybody knows. */
export function lengthOf({ bytes, stored, files }: Model): number | undefined {
  return (
    files?.reduce((sum, { size }) => sum + size, 0) ??
    stored?.total ??
    (stored?.complete ? stored.bytes : bytes)
  );
}

/** How a program names it. */
export function originOf({ url, stored, files, title }: Model): Origin {
  if (url !== undefined) {
    return { url };
  }
  return files ? { files: files.length } : { stored: stored?.name ?? title };
}
