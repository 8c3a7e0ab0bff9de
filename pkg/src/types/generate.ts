/**
 * Generating: what it takes and gives.
 * @module
 */

/**
 * Who proposes tokens: one of `info.drafters[].name`, such as `none` (plain decoding), `ngram` (text that occurred
 * before) or `model` (the draft model), or several with `+` between them, of which the first that has a proposal makes
 * it: `ngram+model`. None of them changes the law of the output, nor the output itself at temperature 0; only the speed
 * differs.
 */
export type Drafter = string;

/**
 * How proposals are verified above temperature 0: one of `info.verifiers[].name`, such as `token` (one by one) or `block`
 * (the tokens of a round together, which keeps more).
 */
export type Verify = string;

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks. */
  role: 'system' | 'user' | 'assistant' | (string & {});
  /** What is said. */
  content: string;
}

/**
 * How much more of a proposal is kept than the target's law allows (lossy speculative decoding, arXiv 2310.08461): a
 * token x with probability `min(1, f(p(x)) / q(x))`, where `f(p)` is `p / epsilon` (`linear`), `p / epsilon^2` (`square`)
 * or `p^epsilon` (`exponential`, above temperature 0 only). At temperature 0 a proposed token is kept where `f(p(x))`
 * reaches the greatest probability.
 */
export interface Lossy {
  /** The function f: one of `info.lossy[].name`. */
  kind: string;
  /** 0.01 to 1; 1 is without loss. */
  epsilon: number;
}

/** How to generate. */
export interface GenerateOptions {
  /** Most tokens to generate; 256 by default. */
  maxTokens?: number | undefined;
  /** Who proposes (see `info.drafters`); `ngram+model` where a draft model is loaded, `ngram` otherwise. */
  drafter?: Drafter | undefined;
  /**
   * Tokens to propose a round, never more than `info.maxGamma`; or `auto`, the default: what pays best here, from whoever
   * it pays to ask, plain decoding where nothing does. `auto` depends on timings, so with a `seed` above temperature 0,
   * which must give the same text again, it is the drafter's own number instead: 10 for `ngram`, 4 for `model`.
   */
  gamma?: number | 'auto' | undefined;
  /** The draft model stops before a token when its most likely one has less than this probability; 0 by default. */
  confidence?: number | undefined;
  /**
   * How proposals are verified above temperature 0 (see `info.verifiers`); `block` by default. It does not change the law of
   * the text.
   */
  verify?: Verify | undefined;
  /**
   * Keeps more proposals than the target's law allows; off by default. `stats.totalVariation` says what it costs. Tokens
   * are then verified one by one.
   */
  lossy?: Lossy | undefined;
  /** Rounds to keep in flight; by default as many as results take to come back, at least 2 on WebGPU. */
  inFlight?: number | undefined;
  /** Divides the logits; 0, the default, takes the most likely token, always. */
  temperature?: number | undefined;
  /** Keeps the k most likely tokens; 0, the default, keeps all. */
  topK?: number | undefined;
  /** Keeps the most likely tokens that together have this probability; 1, the default, keeps all. */
  topP?: number | undefined;
  /** Keeps tokens that are at least this times as likely as the most likely one; 0, the default, keeps all. */
  minP?: number | undefined;
  /** Divides positive logits of tokens in the window and multiplies negative ones; 1, the default, is off. */
  repeatPenalty?: number | undefined;
  /** Taken off the logit of a token in the window, once; 0, the default, is off, less than 0 encourages. */
  presencePenalty?: number | undefined;
  /** Taken off the logit of a token each time that it is in the window; 0, the default, is off. */
  frequencyPenalty?: number | undefined;
  /** How many of the last tokens the penalties look at, prompt included: 64 by default, at most 256. */
  penaltyWindow?: number | undefined;
  /** Added to the logits of these token ids, at most 256 of them. */
  logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number> | undefined;
  /**
   * Key of the random numbers, another one every time by default. The same seed gives the same text on the same device
   * with the same options.
   */
  seed?: number | bigint | undefined;
  /** Ends the text before the first of these strings. The text never has any of it. */
  stop?: string | readonly string[] | undefined;
  /** Whether tokens tell how likely they were, and their bytes: `Token.logprob`, `Token.bytes`. */
  logprobs?: boolean | undefined;
  /** Aborts the generation: iteration and `result` reject with the signal's reason. The engine stays usable. */
  signal?: AbortSignal | undefined;
  /** Called as the prompt is read, in tokens. */
  onPrefill?: ((done: number, total: number) => void) | undefined;
}

/** One token of a piece. */
export interface Token {
  /** Its id. */
  id: number;
  /** Its text: empty for special tokens, and for tokens that end inside a character, whose text comes with a later one. */
  text: string;
  /**
   * The log of its probability in the target's law at the temperature (1 at temperature 0), before anything is cut off;
   * `undefined` unless `logprobs` asks for it.
   */
  logprob?: number | undefined;
  /**
   * Its own bytes, whatever of them `text` has: none for special tokens; `undefined` unless `logprobs` asks for them.
   */
  bytes?: readonly number[] | undefined;
  /** Whether it was drafted and accepted; otherwise it is the target's own. */
  accepted: boolean;
}

/** What one round brought. */
export interface Piece {
  /** The new text: that of all tokens. */
  text: string;
  /** The new tokens; none in a last piece that only completes a text. */
  tokens: Token[];
  /** Tokens that had been proposed. */
  drafted: number;
  /** Statistics so far. */
  stats: Stats;
}

/** What a source of tokens promised, cost and brought. */
export interface SourcePlan {
  /** Rounds that it proposed in. */
  rounds: number;
  /** Tokens that those brought, the target's own among them. */
  tokens: number;
  /** Milliseconds that they took. */
  ms: number;
  /** What it last promised, where `gamma` is `auto`; `undefined` where nobody asked. */
  promise?: SourcePromise | undefined;
  /**
   * Why it is not used now: it promises less than plain decoding (`promise`), or it lost more time than it may (`losses`).
   * It is tried again now and then. `undefined` where it is used, or has nothing to say.
   */
  paused?: 'promise' | 'losses' | undefined;
}

/** What a round of a source promises. */
export interface SourcePromise {
  /** Tokens to propose. */
  gamma: number;
  /** Tokens that the round is expected to bring. */
  tokens: number;
  /** Milliseconds that it is expected to take. */
  ms: number;
  /** Its speed compared with plain decoding at its best. */
  speed: number;
}

/** The sources of a generation. */
export interface StatsPlan {
  /** Rounds in which nothing was proposed. */
  plain: SourcePlan;
  /** Text that occurred before; `undefined` where no drafter looks for it. */
  lookup?: SourcePlan | undefined;
  /** The draft model; `undefined` where no drafter asks it. */
  draft?: SourcePlan | undefined;
}

/** What a generation cost, and what speculation was worth. Times are in milliseconds. */
export interface Stats {
  /** Tokens of the prompt. */
  promptTokens: number;
  /** Those of them that were still cached from the generation before. */
  reusedTokens: number;
  /** Generated tokens. */
  tokens: number;
  /** Rounds: draft, verify, commit. */
  rounds: number;
  /** Proposed tokens. */
  drafted: number;
  /** Proposed tokens that became part of the text. */
  accepted: number;
  /** Proposed tokens that were put to the test: the accepted ones and the first refused one of each round. */
  tested: number;
  /** Passes of the target after the prompt. */
  targetPasses: number;
  /** Generated tokens a target pass: 1 without speculation. */
  blockEfficiency: number;
  /** `accepted / tested`, the acceptance rate; `undefined` before the first test. */
  alphaEmp?: number | undefined;
  /**
   * Mean over the tested tokens of `sum min(p, q)`, the exact probability that a token was accepted there: the
   * acceptance rate with less noise. `undefined` before the first test.
   */
  alphaTf?: number | undefined;
  /**
   * With `lossy`: the mean over the generated tokens of the total variation between the law that a token was taken from
   * and the target's; at temperature 0 the share of tokens that are not the most likely one. Without it `undefined`: 0.
   */
  totalVariation?: number | undefined;
  /** What each source of tokens promised, cost and brought. */
  plan: StatsPlan;
  /** Most rounds that were in flight. */
  roundsInFlight: number;
  /** GPU dispatches. This and the next three count the device's work, that of other sessions meanwhile included. */
  dispatches: number;
  /** GPU submits. */
  submits: number;
  /** GPU read-backs. */
  readbacks: number;
  /** GPU objects created. */
  objects: number;
  /** Pages added to KV caches, of the target and of the draft model. */
  pages: number;
  /** Reading the prompt. */
  prefillMs: number;
  /** Drafting, part of `decodeMs`; 0 where it cannot be told apart. */
  draftMs: number;
  /** Verifying, part of `decodeMs`. */
  verifyMs: number;
  /** The worker's own work in rounds, part of `decodeMs`: looking up, encoding, submitting. */
  hostMs: number;
  /** All rounds. */
  decodeMs: number;
  /** Generated tokens a second of `decodeMs`. */
  tokensPerSecond: number;
}

/** A finished generation. */
export interface Result {
  /** The whole text. */
  text: string;
  /** Generated ids, a stop token included, and those of a stop string. */
  tokenIds: number[];
  /** The prompt's ids. */
  promptIds: number[];
  /** Why it ended: a stop token or a stop string came, `maxTokens` were generated, or the context is full. */
  finishReason: 'stop' | 'length' | 'context';
  /** The stop string that came; absent where none did. Its tokens are in `tokenIds`, without their text. */
  stoppedBy?: string | undefined;
  /** What it cost. */
  stats: Stats;
}
