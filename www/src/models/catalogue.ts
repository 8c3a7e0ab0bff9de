/** The models that this site offers: `models.json` beside the page names them, and any host may change it. */

import { isPart } from './files';

/** What a model is for. */
export type Role = 'target' | 'draft';

/** A model that the site offers. */
export interface Offer {
  title: string;
  /** Where it is, seen from the page. */
  url: string;
  role: Role;
  /** What the file must be, in hexadecimal. */
  sha256?: string;
  /** Its length, where the server says it. */
  bytes?: number;
  /** Whether its file is there: not every host has all models, and with the network off none is. */
  there?: boolean;
}

/** What the site offers. */
export async function readCatalogue(): Promise<Offer[]> {
  try {
    const response = await fetch('./models.json');
    const { models } = (await response.json()) as { models: Offer[] };
    return await Promise.all(models.map(probe));
  } catch {
    return [];
  }
}

/** The offer with what the server says of its file. */
async function probe(offer: Offer): Promise<Offer> {
  try {
    const response = await fetch(offer.url, { method: 'HEAD' });
    // A server that answers everything with its page answers this too.
    if (!response.ok || response.headers.get('content-type')?.startsWith('text/html')) {
      return offer;
    }
    const length = response.headers.get('content-length');
    // The first of several files says nothing of the length of all.
    const known = length !== null && !isPart(offer.url);
    return { ...offer, there: true, ...(known && { bytes: Number(length) }) };
  } catch {
    return offer;
  }
}
