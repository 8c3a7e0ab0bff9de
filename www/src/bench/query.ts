/** What the page's address asks for, so that a script can drive it: see `www/README.md`. */

import type { Device } from 'paceline';
import type { LoadPlan } from '../engine/host';
import type { Extent } from './plan';

export interface Query {
  /** What to load at once. */
  plan: LoadPlan | undefined;
  /** Whether to measure as soon as something is loaded. */
  start: boolean;
  /** Names of the ways to measure; all where it is absent. */
  only: string[] | undefined;
  extent: Partial<Extent>;
  /** Where the report is posted at the end, on this site. */
  post: URL | undefined;
}

/** Reads the page's address. */
export function readQuery({ search, href, origin }: Location): Query {
  const query = new URLSearchParams(search);
  const target = query.get('target');
  const draft = query.get('draft');
  const pick = (url: string) => ({ title: url.split('/').at(-1) ?? url, source: url, origin: { url } });
  const device = query.get('device') ?? 'auto';
  const post = query.has('post') ? new URL(query.get('post') ?? '', href) : undefined;
  const number = (name: keyof Extent) => {
    const value = Number(query.get(name));
    return Number.isInteger(value) && value > 0 ? { [name]: value } : {};
  };
  return {
    plan:
      target === null
        ? undefined
        : { target: pick(target), draft: draft ? pick(draft) : undefined, device: device as Device },
    start: query.has('start'),
    only: query.get('only')?.split(','),
    extent: { ...number('tokens'), ...number('rounds') },
    post: post?.origin === origin ? post : undefined,
  };
}
