/**
 * What there is to read for the model, checked and copied: texts, token ids, conversations.
 * @module
 */

import type { ChatMessage } from '../types/generate.js';
import { onlyText } from './not-here.js';
import { refuse, shown, text, unsupported } from './rules.js';
import { MOST } from './tables.js';

/** The longest list of token ids; no context has room for so many. */
const LONGEST = 2 ** 24;

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
  if (Number(length) < 0 || Number(length) > LONGEST) {
    refuse(`${name}.length`, length, `at most ${LONGEST}`);
  }
  const ids: number[] = [];
  for (let i = 0; i < Number(length); i++) {
    const id = (value as ArrayLike<unknown>)[i];
    if (!Number.isInteger(id) || Number(id) < 0 || Number(id) > MOST) {
      refuse(`${name}[${i}]`, id, 'a token id, a whole number from 0');
    }
    ids.push(id as number);
  }
  return ids;
}

/** Roles that have a conversation with tools in it. */
const TOOL_ROLES = ['tool', 'function'];

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
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    refuse(name, message, 'an object { role, content }');
  }
  const { role, content, name: speaker } = message as { role?: unknown; content?: unknown; name?: unknown };
  if (typeof role !== 'string' || role === '') {
    refuse(`${name}.role`, role, '"system", "user" or "assistant"');
  }
  if (openai && TOOL_ROLES.includes(role)) {
    throw unsupported(`${name}.role ${shown(role)}`, 'the model cannot call tools');
  }
  onlyText(message, name);
  if (speaker !== undefined && speaker !== null) {
    text(speaker, `${name}.name`);
  }
  if (!openai) {
    text(content, `${name}.content`);
    return { role, content: content as string };
  }
  return {
    role: role === 'developer' ? 'system' : role,
    // So OpenAI's API has answers that are all calls or refusals.
    content: role === 'assistant' && content === null ? '' : contentOf(content, `${name}.content`),
  };
}

/** The text of a content that is a string, or parts that are text. */
function contentOf(content: unknown, name: string): string {
  if (typeof content === 'string') {
    return content;
  }
  if (!Array.isArray(content)) {
    refuse(name, content, 'a string or a list of { type: "text", text }');
  }
  return Array.from(content, (part: unknown, i) => partOf(part, `${name}[${i}]`)).join('');
}

function partOf(part: unknown, name: string): string {
  if (typeof part !== 'object' || part === null) {
    refuse(name, part, 'an object { type: "text", text }');
  }
  const { type, text: words } = part as { type?: unknown; text?: unknown };
  text(type, `${name}.type`);
  if (type !== 'text') {
    throw unsupported(`${name} of type ${shown(type)}`, 'send text');
  }
  text(words, `${name}.text`);
  return words as string;
}
