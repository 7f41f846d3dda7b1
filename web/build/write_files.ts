/**
 * Writes built files, or compares them with those that are there.
 *
 * @module
 */

/** The name of each file, and what makes its text. */
export type BuiltFiles = Readonly<Record<string, () => Promise<string>>>;

/**
 * Builds files and writes them.
 *
 * @param folder where; it is created if it does not exist
 * @param files what to build
 */
export async function writeFiles(folder: URL, files: BuiltFiles): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, build] of Object.entries(files)) {
    await Deno.writeTextFile(new URL(name, folder), await build());
  }
}

/**
 * Builds files and compares them with those in a folder.
 *
 * @param folder where they should be
 * @param files what to build
 * @returns the names of those that differ, are missing, or that nothing builds any more
 */
export async function staleFiles(folder: URL, files: BuiltFiles): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, build] of Object.entries(files)) {
    const present = await Deno.readTextFile(new URL(name, folder)).catch(() => undefined);
    if (present !== await build()) stale.push(name);
  }
  for await (const { name } of Deno.readDir(folder)) {
    if (!Object.hasOwn(files, name)) stale.push(name);
  }
  return stale;
}
