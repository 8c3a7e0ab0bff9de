/**
 * What is there and what is known of it: a shelf and its catalogue together. Nothing here locks: callers do.
 * @module
 */

import { PacelineError } from '../errors.js';
import type { Catalogue, Entry } from './catalogue.js';
import { describe, missing } from './entry.js';
import type { Part } from './parts.js';
import type { Shelf } from './shelf.js';
import type { StoredModel } from './types.js';

/** The models of a store. */
export class Records {
  readonly shelf: Shelf;
  readonly catalogue: Catalogue;

  constructor(shelf: Shelf, catalogue: Catalogue) {
    this.shelf = shelf;
    this.catalogue = catalogue;
  }

  /** What is known of a model, where it is there. */
  async find(name: string): Promise<StoredModel | undefined> {
    const entry = await this.catalogue.get(name);
    return entry && this.describe(entry);
  }

  /** Writes down that a file is being written. */
  begin(about: Partial<Entry> & { name: string }, before: Entry | undefined): Promise<void> {
    const now = Date.now();
    return this.catalogue.put({ ...about, complete: false, added: before?.added ?? now, used: now });
  }

  /** Writes down what is known of a model's files. */
  async note(name: string, parts: Part[]): Promise<void> {
    const entry = await this.catalogue.get(name);
    if (entry) {
      await this.catalogue.put({ ...entry, parts: [...parts] });
    }
  }

  /** Writes down that a model was used just now. */
  async touch(entry: Entry): Promise<StoredModel> {
    const touched = { ...entry, used: Date.now() };
    // That nobody could write it down (the disk is full, say) is no reason not to use the model.
    await this.catalogue.put(touched).catch(() => {});
    return this.describe(touched);
  }

  /** Whether a model is complete and as long as it was. */
  async isWhole(entry: Entry): Promise<boolean> {
    return entry.complete && (await this.shelf.blob(entry.name))?.size === entry.total;
  }

  /** A complete model; throws where it is not there or not complete. */
  async present(name: string): Promise<{ blob: Blob; entry: Entry }> {
    const entry = await this.catalogue.get(name);
    const blob = await this.shelf.blob(name);
    if (!entry || (entry.complete && !blob)) {
      throw missing(name);
    }
    if (!entry.complete) {
      const [have, of] = [blob?.size ?? 0, entry.total ?? 'an unknown number of'];
      throw new PacelineError(
        'store-incomplete',
        `${have} of ${of} bytes of ${name} are there; download it again to get the rest`,
      );
    }
    return { blob: blob ?? new Blob(), entry };
  }

  /** The same, which also throws where the file is not as long as it was. */
  async whole(name: string): Promise<{ blob: Blob; entry: Entry }> {
    const present = await this.present(name);
    const { blob, entry } = present;
    if (blob.size !== entry.total) {
      throw new PacelineError(
        'store-corrupt',
        `${name} has ${blob.size} bytes in the store and should have ${entry.total}; download it again`,
      );
    }
    await this.touch(entry);
    return present;
  }

  /** Removes a model of which nothing came. */
  async forgetEmpty(name: string): Promise<void> {
    const model = await this.find(name);
    if (model?.bytes === 0 && !model.complete) {
      await this.remove(name);
    }
  }

  /** Removes a model, complete or not. */
  async remove(name: string): Promise<void> {
    await this.shelf.remove(name);
    await this.catalogue.delete(name);
  }

  /** An entry as pages see it. */
  async describe(entry: Entry): Promise<StoredModel> {
    return describe(entry, (await this.shelf.blob(entry.name))?.size ?? 0);
  }
}
