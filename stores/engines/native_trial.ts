/**
 * The process in which `@db/sqlite` is loaded for the first time. It may take too long, print, or crash. If all goes
 * well, the library is left in the cache and recorded; else the reason is printed.
 *
 * @module
 */

import { dbSqlite } from "./db_sqlite.ts";
import { innermostMessage } from "./innermost_message.ts";
import { cacheFolder, configuredLibrary, recordLibrary, SPECIFIER } from "./native_cache.ts";
import { selfTest } from "./self_test.ts";

const LIBRARY = /\.(so|dylib|dll)$/;

/** What a killed trial left behind is removed after this time, in milliseconds. */
const ABANDONED_AFTER = 10 * 60_000;

/**
 * Runs the trial, and ends the process: with 0 if the library is recorded.
 *
 * @param timeout when it ends at the latest, in milliseconds
 */
export async function runTrial(timeout: number): Promise<never> {
  // Even if nobody is left to end it.
  setTimeout(() => Deno.exit(1), timeout);
  // The package's loader prints what it downloads.
  console.log = () => {};
  try {
    await tryPackage();
    Deno.exit(0);
  } catch (error) {
    Deno.stdout.writeSync(new TextEncoder().encode(innermostMessage(error)));
    Deno.exit(1);
  }
}

async function tryPackage(): Promise<void> {
  const folder = cacheFolder();
  removeAbandoned(folder);
  const configured = configuredLibrary();
  const workFolder = Deno.makeTempDirSync({ dir: folder, prefix: "trial-" });
  try {
    // The loader downloads into this folder, and takes what is there for complete.
    Deno.env.set("DENO_DIR", workFolder);
    selfTest(dbSqlite(await import(SPECIFIER)));
    if (configured === undefined) {
      recordLibrary(workFolder, folder, ...await moveLibrary(workFolder, folder));
    } else recordLibrary(workFolder, folder, configured, configured);
  } finally {
    Deno.removeSync(workFolder, { recursive: true });
  }
}

/** Moves the library out of the folder where it was downloaded, under a name that contains its hash. */
async function moveLibrary(
  workFolder: string,
  folder: string,
): Promise<[path: string, name: string]> {
  const [path] = [...filesIn(workFolder)].filter((file) => LIBRARY.test(file));
  if (path === undefined) throw new Error("its loader left no library");
  using file = Deno.openSync(path, { read: true, write: true });
  // Or a power loss could leave a file of the right size without its content.
  file.syncSync();
  const hash = await crypto.subtle.digest("SHA-256", Deno.readFileSync(path));
  const digits = Array.from(
    new Uint8Array(hash, 0, 8),
    (byte) => byte.toString(16).padStart(2, "0"),
  );
  const name = `sqlite3-${digits.join("")}${LIBRARY.exec(path)![0]}`;
  Deno.renameSync(path, `${folder}/${name}`);
  return [`${folder}/${name}`, name];
}

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesIn(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

function removeAbandoned(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.startsWith("trial-")) continue;
    try {
      const { mtime } = Deno.statSync(`${folder}/${name}`);
      if (Date.now() - mtime!.getTime() < ABANDONED_AFTER) continue;
      Deno.removeSync(`${folder}/${name}`, { recursive: true });
    } catch {
      // Another process removes it.
    }
  }
}
