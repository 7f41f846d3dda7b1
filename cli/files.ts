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
