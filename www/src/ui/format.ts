/** Numbers and lines of help, for people. */

/** `98.4 MB`. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

/** `71 %`. */
export function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

/** `2.41 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** `34.2`: tokens a second. */
export function rate(tokensPerSecond: number): string {
  return tokensPerSecond.toFixed(tokensPerSecond < 100 ? 1 : 0);
}

/** A line of help as a sentence; one that begins with a formula stays small. */
export function sentence(text: string): string {
  return text === '' ? '' : `${text.replace(/^[a-z](?=[a-z])/, first => first.toUpperCase())}.`;
}
