/**
 * Where the native library of `@db/sqlite` lies once it has passed its trial, and the record of that.
 *
 * @module
 */

import deno from "../../deno.json" with { type: "json" };

/** The package, by the versions that are known to work. */
export const SPECIFIER = deno.imports["@db/sqlite"];

/** It names a library to be used. Where it is empty, it does not. */
export const LIBRARY_VARIABLE = "DENO_SQLITE_PATH";

/**
 * The library that the environment names.
 *
 * @returns its path, if it does
 */
export function configuredLibrary(): string | undefined {
  return Deno.env.get(LIBRARY_VARIABLE) || undefined;
}

/** What the record says. It counts for the same Deno, package and library only. */
interface NativeRecord {
  readonly deno: string;
  readonly specifier: string;
  /** The library that the environment names, if it does. */
  readonly own: string | null;
  readonly library: string;
  readonly size: number;
  /** When the library was last changed, in seconds. */
  readonly modified: number;
  /** Deno's cache has modules; without them the import would wait for the registry. */
  readonly modules: boolean;
}

/** A library that can be used. */
export interface FoundLibrary {
  readonly library: string;
  /** The path of the record. */
  readonly record: string;
}

/**
 * The folder for this system within Deno's cache.
 *
 * @returns its path
 * @throws {Error} if no place for caches is known
 */
export function cacheFolder(): string {
  const [home, os] = [Deno.env.get("HOME"), Deno.build.os];
  const cache = os === "windows"
    ? Deno.env.get("LOCALAPPDATA")
    : os === "darwin"
    ? home && `${home}/Library/Caches`
    : Deno.env.get("XDG_CACHE_HOME") || home && `${home}/.cache`;
  const root = Deno.env.get("DENO_DIR") || cache && `${cache}/deno`;
  if (!root) {
    throw new Error("there is no folder for its library: neither HOME nor DENO_DIR is set");
  }
  return `${root}/dsmq/${Deno.build.target}`;
}

/**
 * Looks for a library that has passed its trial and is as it was then.
 *
 * @returns the library, or `undefined` if there is none
 */
export function findLibrary(): FoundLibrary | undefined {
  try {
    const folder = cacheFolder();
    const record = recordPath(folder);
    const recorded: NativeRecord = JSON.parse(Deno.readTextFileSync(record));
    const library = recorded.own ?? `${folder}/${recorded.library}`;
    const isUnchanged =
      JSON.stringify(describe(folder, library, recorded.library)) === JSON.stringify(recorded);
    return isUnchanged ? { library, record } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Records that a library has passed its trial.
 *
 * @param workFolder where files may be made
 * @param folder the cache's folder
 * @param library its path
 * @param name its name within the folder
 */
export function recordLibrary(
  workFolder: string,
  folder: string,
  library: string,
  name: string,
): void {
  // Whole or not at all, also where several processes do so at once: by a file that goes if it is left behind.
  const temporary = `${workFolder}/record.json`;
  Deno.writeTextFileSync(temporary, JSON.stringify(describe(folder, library, name)));
  Deno.renameSync(temporary, recordPath(folder));
}

/** One for each version of Deno and of the package that share the cache: or each would take away the others'. */
function recordPath(folder: string): string {
  const which = `${SPECIFIER} ${Deno.version.deno} ${configuredLibrary() ? "own" : "fetched"}`;
  return `${folder}/record-${which.replaceAll(/[^\w.]+/g, "-")}.json`;
}

function describe(folder: string, path: string, library: string): NativeRecord {
  const { size, mtime } = Deno.statSync(path);
  return {
    deno: Deno.version.deno,
    specifier: SPECIFIER,
    own: configuredLibrary() ?? null,
    library,
    size,
    modified: Math.floor((mtime?.getTime() ?? 0) / 1000),
    modules: isFolder(`${folder}/../../remote`),
  };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
