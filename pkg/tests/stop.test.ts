import { describe, expect, test } from 'vitest';
import { StopFilter } from '../src/engine/worker/stop.js';
import type { Token } from '../src/types/generate.js';

const tokens = (...texts: string[]): Token[] => texts.map((text, id) => ({ id, text, accepted: false }));
const textOf = (tokens: readonly Token[]) => tokens.map(token => token.text).join('');

/** The text before the stop string that is complete first, letter by letter. */
function expected(text: string, stops: readonly string[]): { text: string; stoppedBy?: string } {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops
      .filter(stop => text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length);
    if (ending[0] !== undefined) {
      return { text: text.slice(0, end - ending[0].length), stoppedBy: ending[0] };
    }
  }
  return { text };
}

/** Feeds `rounds`, then `rest`, and collects what is shown. */
function feed(stops: readonly string[], rounds: Token[][], rest = '') {
  const filter = new StopFilter(stops);
  let text = '';
  const ids: number[] = [];
  for (const round of rounds) {
    const { tokens, stoppedBy } = filter.push(round);
    text += textOf(tokens);
    ids.push(...tokens.map(token => token.id));
    if (stoppedBy !== undefined) {
      return { text, ids, stoppedBy };
    }
  }
  const last = filter.finish(rest);
  ids.push(...last.tokens.map(token => token.id));
  text += textOf(last.tokens) + last.rest;
  return last.stoppedBy === undefined ? { text, ids } : { text, ids, stoppedBy: last.stoppedBy };
}

describe('a stop string', () => {
  test('is found across tokens and rounds, and none of it is shown', () => {
    const rounds = [tokens('one ', 't'), tokens('wo', ' th'), tokens('ree', ' four')];
    expect(feed(['two three'], rounds)).toMatchObject({ text: 'one ', stoppedBy: 'two three' });
  });

  test('ends the text inside a token', () => {
    expect(feed(['\n'], [tokens('a\nb', 'c')])).toEqual({ text: 'a', ids: [0], stoppedBy: '\n' });
  });

  test('holds back only what may belong to it', () => {
    const filter = new StopFilter(['</end>']);
    expect(textOf(filter.push(tokens('text ')).tokens)).toBe('text ');
    expect(textOf(filter.push(tokens('<')).tokens)).toBe('');
    expect(textOf(filter.push(tokens('b')).tokens)).toBe('<b');
    expect(textOf(filter.push(tokens('</en', 'd')).tokens)).toBe('');
    expect(filter.finish('').tokens.map(token => token.text)).toEqual(['</en', 'd']);
  });

  test('that ends with the last bytes of a character is found too', () => {
    expect(feed(['é!'], [tokens('caf', '')], 'é!')).toMatchObject({ text: 'caf', stoppedBy: 'é!' });
    expect(feed(['!'], [tokens('caf', '')], 'é')).toEqual({ text: 'café', ids: [0, 1] });
  });

  test('that is never completed is shown', () => {
    expect(feed(['stop'], [tokens('st', 'o')])).toEqual({ text: 'sto', ids: [0, 1] });
  });

  test('counts tokens without text that come before its end', () => {
    expect(feed(['b'], [tokens('a', '', 'b', 'c')])).toEqual({ text: 'a', ids: [0, 1, 2], stoppedBy: 'b' });
  });

  test('gives the same text however it is cut into tokens and rounds', () => {
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const word = (length: number) => Array.from({ length }, () => 'ab'[random(2)]).join('');
    for (let i = 0; i < 3000; i++) {
      const text = word(1 + random(20));
      const stops = Array.from({ length: 1 + random(3) }, () => word(1 + random(4)));
      const rounds: Token[][] = [];
      for (let at = 0; at < text.length;) {
        const round: Token[] = [];
        for (let n = 1 + random(3); n > 0; n--) {
          const length = random(4);
          round.push({ id: at, text: text.slice(at, at + length), accepted: false });
          at += length;
        }
        rounds.push(round);
      }
      const { ids: _, ...shown } = feed(stops, rounds);
      expect(shown, JSON.stringify({ rounds, stops })).toEqual(expected(text, stops));
    }
  });
});
