/**
 * Where the native library of `@db/sqlite` lies once it has passed its trial, and the record of that.
 *
 * @module
 */

import deno from "../../deno.json" with { type: "json" };

/** The package, in the versions that are known to work. */
export const SPECIFIER = deno.imports["@db/sqlite"];

/** The environment variable that names a library. If it is empty, it names none. */
export const LIBRARY_VARIABLE = "DENO_SQLITE_PATH";

/**
 * The library that the environment names.
 *
 * @returns its path, if there is one
 */
export function configuredLibrary(): string | undefined {
  return Deno.env.get(LIBRARY_VARIABLE) || undefined;
}

/** What the record says. It is valid for the same Deno, package and library only. */
interface NativeRecord {
  readonly deno: string;
  readonly specifier: string;
  /** The library that the environment names, if it names one. */
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
 * @throws {Error} if no folder for caches is known
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
 * Looks for a library that has passed its trial and has not changed since.
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
  // Written as a whole or not at all, even if several processes do so at once: by a temporary file that is removed if
  // it is left over.
  const temporary = `${workFolder}/record.json`;
  Deno.writeTextFileSync(temporary, JSON.stringify(describe(folder, library, name)));
  Deno.renameSync(temporary, recordPath(folder));
}

/** One for each version of Deno and of the package that share the cache: or each would remove the others'. */
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
