/**
 * Models that are split over several files, as llama.cpp's `gguf-split` names them: `NAME-00001-of-00003.gguf`.
 * @module
 */

const NUMBERS = /-(\d{5})-of-(\d{5})\.gguf$/;

/** The addresses of all files of a model, from that of any of them; of one that is not split, its own alone. */
export function shardUrls(url: string): string[] {
  const { pathname } = new URL(url);
  const [, no, count] = (NUMBERS.exec(pathname) ?? []).map(Number) as [unknown, number?, number?];
  if (no === undefined || count === undefined || no < 1 || no > count) {
    return [url];
  }
  return Array.from({ length: count }, (_, i) => {
    const shard = new URL(url);
    shard.pathname = pathname.replace(NUMBERS, `-${digits(i + 1)}-of-${digits(count)}.gguf`);
    return shard.href;
  });
}

/** What a model is called whose files are called such as `file`. */
export function modelName(file: string): string {
  return file.replace(NUMBERS, '.gguf');
}

/** What the file at an address is called; `undefined` where the address does not say. */
export function fileName(url: string): string | undefined {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    return last;
  }
}

function digits(number: number): string {
  return String(number).padStart(5, '0');
}
