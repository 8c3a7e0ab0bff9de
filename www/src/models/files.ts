/** Files that are one model: `NAME-00001-of-00003.gguf` and its like. */

const NUMBERS = /-(\d{5})-of-(\d{5})\.gguf$/;

/** What a model is called whose files are called such as `file`. */
export function modelName(file: string): string {
  return file.replace(NUMBERS, '.gguf');
}

/** The address that stands for a model: that of its first file. */
export function firstFile(url: string): string {
  const { pathname } = new URL(url, document.baseURI);
  const first = pathname.replace(NUMBERS, '-00001-of-$2.gguf');
  if (first === pathname) {
    return url;
  }
  const address = new URL(url, document.baseURI);
  address.pathname = first;
  return address.href;
}

/** Whether an address is that of one of several files. */
export function isPart(url: string): boolean {
  return NUMBERS.test(new URL(url, document.baseURI).pathname);
}

/** The models that these files are. */
export function modelsOf(files: readonly File[]): File[][] {
  const models = new Map<string, File[]>();
  for (const [i, file] of files.entries()) {
    const [, , count] = NUMBERS.exec(file.name) ?? [];
    const key = count === undefined ? `${i}` : `${modelName(file.name)} of ${count}`;
    models.set(key, [...(models.get(key) ?? []), file]);
  }
  return [...models.values()];
}
