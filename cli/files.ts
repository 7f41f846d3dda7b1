/**
 * Files that are named on the command line.
 *
 * @module
 */

/**
 * Reads a file as text. Leave for it is looked up, and never asked for.
 *
 * @param path where it is
 * @returns what is in it
 * @throws {Error} in one sentence, if it cannot be read
 */
export async function readable(path: string): Promise<string> {
  const cannot = (why: string, cause?: unknown) =>
    new Error(`Cannot read ${path}: ${why}`, { cause });
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw cannot("there is no leave for it (--allow-read)");
  }
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw cannot("it is not there", error);
    throw cannot((error as Error).message, error);
  }
}

/**
 * Whether others on this machine can read a file that holds a secret.
 *
 * @param path where it is
 * @returns a sentence about that, if they can
 */
export async function sharedWithOthers(path: string): Promise<string | undefined> {
  // Windows has no such mode, and what is no file, such as a pipe, belongs to whoever made it.
  const { mode, isFile } = await Deno.stat(path).catch(() => ({ mode: null, isFile: false }));
  if (!isFile || mode === null || (mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  const can = (mode & 0o022) === 0 ? "read" : "change";
  return `others on this machine can ${can} ${path}, its mode is ${shown}: chmod 600 keeps it to its owner`;
}
