/**
 * What there is to read for the model, checked and copied: texts, token ids, conversations.
 * @module
 */

import type { Prompt } from '../protocol.js';
import type { ChatMessage } from '../types.js';
import { checked } from './check.js';
import { refuse, shown, text, unsupported, type Rule } from './rules.js';
import { MOST } from './tables.js';

/** What `generate` continues. */
export function promptOf(prompt: unknown): Prompt {
  return typeof prompt === 'string'
    ? { type: 'text', text: prompt }
    : { type: 'ids', ids: idsOf(prompt, 'prompt', 'a string or a list of token ids') };
}

/** What `encode` reads. */
export function textOf(value: unknown): string {
  text(value, 'text');
  return value as string;
}

/** Token ids: an array, or a typed one. */
export function idsOf(value: unknown, name = 'ids', allowed = 'a list of token ids'): number[] {
  const length = typeof value === 'object' && value !== null ? (value as { length?: unknown }).length : value;
  if (typeof value !== 'object' || !Number.isInteger(length)) {
    refuse(name, value, allowed);
  }
  const ids = Array.from(value as ArrayLike<unknown>);
  const wrong = ids.findIndex(id => !Number.isInteger(id) || Number(id) < 0 || Number(id) > MOST);
  if (wrong >= 0) {
    refuse(`${name}[${wrong}]`, ids[wrong], 'a token id, a whole number from 0');
  }
  return ids as number[];
}

/** Roles that have a conversation with tools in it. */
const TOOL_ROLES = ['tool', 'function'];
/** What a part of a message has, and other types of parts have instead. */
const PART = { type: text, text };

/**
 * A conversation.
 *
 * @param openai - whether contents may be lists of parts, `developer` is read as `system`, and tools have no turn
 */
export function messagesOf(value: unknown, openai = false): ChatMessage[] {
  if (!Array.isArray(value)) {
    refuse('messages', value, 'a list of { role, content }');
  }
  if (value.length === 0) {
    refuse('messages', value, 'a list of at least one { role, content }');
  }
  return Array.from(value, (message: unknown, i) => messageOf(message, `messages[${i}]`, openai));
}

function messageOf(message: unknown, name: string, openai: boolean): ChatMessage {
  const role: Rule = (value, name) => {
    if (typeof value !== 'string' || value === '') {
      refuse(name, value, '"system", "user" or "assistant"');
    }
    if (openai && TOOL_ROLES.includes(value)) {
      throw unsupported(`${name} ${shown(value)}`, 'the model cannot call tools');
    }
  };
  // Everything but these two is refused by the table's lack of it.
  const table = { role, content: openai ? content : text };
  const { role: who, content: what } = checked(message as { role?: string; content?: unknown }, table, {
    name,
    of: name,
    prefix: `${name}.`,
  });
  if (who === undefined || what === undefined) {
    role(who, `${name}.role`);
    table.content(what, `${name}.content`);
  }
  return {
    role: openai && who === 'developer' ? 'system' : String(who),
    content: typeof what === 'string' ? what : (what as { text: string }[]).map(part => part.text).join(''),
  };
}

/** A string, or parts that are text. */
const content: Rule = (value, name) => {
  if (typeof value === 'string') {
    return;
  }
  if (!Array.isArray(value)) {
    refuse(name, value, 'a string or a list of { type: "text", text }');
  }
  value.forEach((part: { type?: unknown; text?: unknown } | null, i) => {
    const at = `${name}[${i}]`;
    const type = part?.type;
    if (typeof type === 'string' && type !== 'text') {
      throw unsupported(`${at} of type ${shown(type)}`, 'send text');
    }
    checked(part ?? {}, PART, { name: at, of: at, prefix: `${at}.` });
    text(type, `${at}.type`);
    text(part?.text, `${at}.text`);
  });
};
