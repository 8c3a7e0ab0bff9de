/**
 * Names that nobody else has. `crypto.randomUUID` is missing on pages without a secure context.
 * @module
 */

/** A name of 32 letters that is not used twice. */
export function unique(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}
