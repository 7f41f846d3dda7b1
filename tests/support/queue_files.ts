/**
 * Files of stores, in folders of their own.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { RETENTION } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** A folder with room for a file; it is removed when the test ends. */
export class TempFolder implements Disposable {
  readonly path = Deno.makeTempDirSync();
  readonly file = `${this.path}/queue.db`;

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Opens a file that syncs each commit. */
export function openFile(path: string, engine: Engine = nodeSqlite): FileStore {
  const clock = new ManualClock();
  return new FileStore({ path, engine, durability: "disk", retention: RETENTION, clock });
}

/** Whether a file was closed as it should be. */
export function isClean(path: string): boolean {
  const db = new DatabaseSync(path);
  const { clean } = db.prepare("SELECT clean FROM state").get()!;
  db.close();
  return clean === 1;
}

/** The files that a killed process leaves behind, by their endings. */
const KILLED = ["", "-wal", "-shm", "-lock"];

/**
 * Copies what would be left if the process that uses a file was killed now.
 *
 * @param path the file
 * @param folder where the copy goes
 * @param endings which of its files are copied. Default: all
 */
export function copyKilledFile(
  path: string,
  folder: TempFolder,
  endings: readonly string[] = KILLED,
): void {
  for (const ending of endings) {
    try {
      Deno.copyFileSync(`${path}${ending}`, `${folder.file}${ending}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
