/**
 * The files of the servers of a fuzzer.
 *
 * @module
 */

/** The files of an opening of SQLite: the second holds what was committed last. */
const PARTS = ["", "-wal"];

/** Copies a queue as it is now. */
export function copyFile(from: string, to: string): void {
  for (const part of PARTS) {
    try {
      Deno.copyFileSync(from + part, to + part);
    } catch {
      // A file that was closed gracefully is one file.
    }
  }
}

/** Removes a queue. */
export function removeFile(path: string): void {
  for (const part of PARTS) {
    try {
      Deno.removeSync(path + part);
    } catch {
      // The same.
    }
  }
}
