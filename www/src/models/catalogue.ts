/** The models that this site offers: `models.json` beside the page names them, and any host may change it. */

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
}

/** The offers whose files are there. With the network off there are none. */
export async function readCatalogue(): Promise<Offer[]> {
  try {
    const response = await fetch('./models.json');
    const { models } = (await response.json()) as { models: Offer[] };
    const found = await Promise.all(models.map(probe));
    return found.filter(offer => offer !== undefined);
  } catch {
    return [];
  }
}

/** The offer with the length of its file; `undefined` where there is no such file. */
async function probe(offer: Offer): Promise<Offer | undefined> {
  try {
    const response = await fetch(offer.url, { method: 'HEAD' });
    // A server that answers everything with its page answers this too.
    if (!response.ok || response.headers.get('content-type')?.startsWith('text/html')) {
      return undefined;
    }
    const length = response.headers.get('content-length');
    return length === null ? offer : { ...offer, bytes: Number(length) };
  } catch {
    return undefined;
  }
}
