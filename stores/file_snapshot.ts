/**
 * What can be seen of a file without opening it.
 *
 * @module
 */

/** A file as it was when it was looked at. */
export interface FileSnapshot {
  readonly dev: number;
  readonly ino: number | null;
  readonly size: number;
  /** When it was written, in milliseconds. */
  readonly time: number;
}

/**
 * Looks at a file.
 *
 * @param path where it is
 * @returns what it is; `undefined` if there is none
 */
export function fileSnapshot(path: string): FileSnapshot | undefined {
  try {
    const { dev, ino, size, mtime } = Deno.statSync(path);
    return { dev, ino, size, time: mtime?.getTime() ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/**
 * Whether these are two files, even with the same contents.
 *
 * @param a one
 * @param b the other
 */
export function isOtherFile(a: FileSnapshot, b: FileSnapshot): boolean {
  return a.dev !== b.dev || a.ino !== b.ino;
}
