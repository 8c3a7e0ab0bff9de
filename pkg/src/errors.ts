/**
 * Errors, and what they are called.
 * @module
 */

/**
 * The `code` of a {@link PacelineError}. Codes are stable; messages are for people and may change.
 *
 * Those that begin with `gguf-`, `tokenizer-`, `template-` and `model-` say that a file cannot be used, `source-` that
 * its bytes did not come, `store-` that the model store cannot do it, `gpu-` that the GPU cannot do it, `draft-`, `prompt-`,
 * `text-`, `sampling-` and `logit-bias-` that a request cannot be carried out, `invalid-option` that an option is unknown or
 * not what it must be, `unsupported` that nothing here can carry it out, `engine-` and `session-` that the engine or the
 * session is gone, `internal` that something failed that never should.
 */
export type ErrorCode =
  | 'source-io'
  | 'source-http'
  | 'source-network'
  | 'source-invalid'
  | 'store-missing'
  | 'store-incomplete'
  | 'store-corrupt'
  | 'store-checksum'
  | 'store-full'
  | 'store-busy'
  | 'store-name'
  | 'store-unavailable'
  | 'store-crashed'
  | 'gguf-magic'
  | 'gguf-version'
  | 'gguf-endian'
  | 'gguf-truncated'
  | 'gguf-too-large'
  | 'gguf-header'
  | 'gguf-metadata'
  | 'gguf-format'
  | 'gguf-split'
  | 'tokenizer-unsupported'
  | 'tokenizer-corrupt'
  | 'text-rejected'
  | 'template-missing'
  | 'template-failed'
  | 'model-architecture'
  | 'model-adapter'
  | 'model-imatrix'
  | 'model-vocabulary-only'
  | 'model-is-draft'
  | 'model-experts'
  | 'model-fused-tensor'
  | 'model-per-layer'
  | 'model-feature'
  | 'model-rope-scaling'
  | 'model-missing-tensor'
  | 'model-shape'
  | 'model-config'
  | 'model-numerics'
  | 'memory-full'
  | 'model-unread-tensor'
  | 'gpu-no-adapter'
  | 'gpu-no-device'
  | 'gpu-too-large'
  | 'gpu-lost'
  | 'gpu-unsupported'
  | 'gpu-self-test'
  | 'gpu-error'
  | 'prompt-too-long'
  | 'prompt-empty'
  | 'draft-tokenizer'
  | 'draft-mismatch'
  | 'draft-missing'
  | 'proposal-tree'
  | 'proposal-parents'
  | 'proposal-shape'
  | 'verifier-tree'
  | 'verifier-kernel'
  | 'drafter-unknown'
  | 'verifier-unknown'
  | 'sampling-range'
  | 'logit-bias-too-many'
  | 'logit-bias-range'
  | 'logit-bias-twice'
  | 'device-unknown'
  | 'kv-cache-unknown'
  | 'token-range'
  | 'stops-too-many'
  | 'not-started'
  | 'invalid-option'
  | 'unsupported'
  | 'engine-busy'
  | 'engine-disposed'
  | 'engine-crashed'
  | 'engine-missing'
  | 'session-closed'
  | 'internal'
  | (string & {});

/** Anything that goes wrong in Paceline, except an abort: that is a `DOMException` named `AbortError`, as in Fetch. */
export class PacelineError extends Error {
  override readonly name = 'PacelineError';

  /** What went wrong, for programs. */
  readonly code: ErrorCode;

  /**
   * @param code - what went wrong, for programs
   * @param message - what went wrong and what to do about it, for people
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error that an aborted operation rejects with: the signal's reason, an `AbortError` unless it was given another. */
export function abortError(signal?: AbortSignal): unknown {
  return signal?.reason ?? new DOMException('The operation was aborted.', 'AbortError');
}
