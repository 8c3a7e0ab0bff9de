/**
 * The messages between the page and the worker: this file is the whole schema.
 *
 * The page sends requests, each with an id of its own; the worker answers each with any number of events and one
 * `done` or `failed`. `abort` and `crashed` stand outside: the first has no answer, the second belongs to no request.
 * @module
 */

import type { ChatMessage, GenerateOptions, Piece, Result } from '../types/generate.js';
import type { Device, EngineInfo, KvCache, LoadProgress, MemoryInfo } from '../types/load.js';
import type { ErrorMessage } from './errors.js';

/** Where a file comes from, in a form that can be posted. */
export type FileMessage =
  | { type: 'url'; url: string }
  | { type: 'blob'; blob: Blob }
  | { type: 'port'; port: MessagePort; size?: number; name?: string };

/** Where a model comes from: all of its files, or the store. */
export type SourceMessage =
  | { type: 'files'; files: FileMessage[]; store?: StoreUse }
  | { type: 'stored'; name: string; directory: string };

/** The store that files from addresses are kept in. */
export interface StoreUse {
  directory: string;
  /** Whether a file that cannot be kept is an error. */
  required: boolean;
}

/** What to continue. */
export type Prompt =
  { type: 'text'; text: string } | { type: 'ids'; ids: number[] } | { type: 'chat'; messages: ChatMessage[] };

/** How to generate, in a form that can be posted. */
export type GenerateMessage = Omit<GenerateOptions, 'logitBias' | 'signal' | 'onPrefill' | 'stop'> & {
  logitBias?: [id: number, bias: number][] | undefined;
  stop?: string[] | undefined;
};

/** A sequence: 0 is the one that a load makes, `open` makes others. */
export type SessionId = number;

/** The operations: what the page asks, what the worker tells on the way, and what it answers. */
export interface Operations {
  load: {
    request: {
      target: SourceMessage;
      draft?: SourceMessage | undefined;
      device: Device;
      capacity?: number | undefined;
      threads?: number | undefined;
      kvCache?: KvCache | undefined;
      precompile?: boolean | undefined;
      /** The lock that the worker holds for as long as it lives. */
      alive: string;
    };
    event: LoadProgress;
    answer: EngineInfo;
  };
  generate: {
    request: { session: SessionId; prompt: Prompt; options: GenerateMessage };
    event: { type: 'prefill'; done: number; total: number } | { type: 'piece'; piece: Piece };
    answer: Result;
  };
  open: { request: Record<never, never>; event: never; answer: SessionId };
  close: { request: { session: SessionId }; event: never; answer: void };
  encode: { request: { text: string }; event: never; answer: number[] };
  decode: { request: { ids: number[] }; event: never; answer: string };
  render: { request: { messages: ChatMessage[] }; event: never; answer: string };
  memory: { request: Record<never, never>; event: never; answer: MemoryInfo };
}

/** The name of an operation. */
export type Operation = keyof Operations;

/** Operations of any kind of worker. */
export type OperationsLike<O> = { [K in keyof O]: { request: object; event: unknown; answer: unknown } };

/** What a page sends. */
export type RequestOf<O extends OperationsLike<O>> =
  { [K in keyof O]: { type: K; id: number } & O[K]['request'] }[keyof O] | { type: 'abort'; id: number };

/** What a worker sends. */
export type ReplyOf<O extends OperationsLike<O>> =
  | { type: 'event'; id: number; event: O[keyof O]['event'] }
  | { type: 'done'; id: number; answer: O[keyof O]['answer'] }
  | { type: 'failed'; id: number; error: ErrorMessage }
  | { type: 'crashed'; error: ErrorMessage };

/** What a page sends to an engine's worker. */
export type Request = RequestOf<Operations>;

/** What an engine's worker sends. */
export type Reply = ReplyOf<Operations>;

/** What a page asks of a {@link FileMessage} port: the next chunk, or no more of them. */
export type PortRequest = 'pull' | 'cancel';

/** What a {@link FileMessage} port answers to `pull`. */
export type PortReply = { chunk: Uint8Array<ArrayBuffer> } | { end: true } | { error: string };
