/** A text as it comes, each part with its author: the draft, or the target. */

import type { Piece, Token } from 'paceline';
import { element } from '../ui/build';

/** Adds a round's text to `host`: accepted drafts in a `mark`, the target's own tokens in a `span`. */
export function appendPiece(host: HTMLElement, { tokens, text }: Piece): void {
  if (tokens.length === 0) {
    host.append(text);
    return;
  }
  for (const run of byAuthor(tokens)) {
    appendRun(host, run.map(token => token.text).join(''), run[0]?.accepted ?? false);
  }
}

/** Neighbours of one author together. */
function byAuthor(tokens: Token[]): Token[][] {
  const runs: Token[][] = [];
  for (const token of tokens) {
    const last = runs.at(-1);
    if (last?.[0]?.accepted === token.accepted) {
      last.push(token);
    } else {
      runs.push([token]);
    }
  }
  return runs;
}

/** A tinted space in front of a word would look like a stray mark where the line breaks, so it stands outside. */
function appendRun(host: HTMLElement, text: string, accepted: boolean): void {
  const words = text.trimStart();
  host.append(text.slice(0, text.length - words.length));
  if (words !== '') {
    host.append(element(accepted ? 'mark' : 'span', words, accepted ? 'by-draft' : 'by-target'));
  }
}
