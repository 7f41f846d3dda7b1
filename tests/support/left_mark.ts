/**
 * Files whose checkpoint has left its mark, because a failing disk kept it from being removed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { isMarked, readDatabaseHeader } from "../../stores/wal_mark.ts";
import { append, puts } from "../../testing/store/support.ts";
import { FailingFile, type Step } from "./failing_file.ts";

/** Whether the checkpoint brings the mark into the file, or leaves it in the log. */
export type Place = "file" | "log";

/** The next checkpoint cannot remove its mark. */
export function markStays(place: Place): Step {
  let isCheckpointed = false;
  let left = 1;
  return (sql) => {
    if (sql.startsWith("PRAGMA wal_checkpoint")) {
      isCheckpointed = true;
      return place === "log";
    }
    return isCheckpointed && sql.startsWith("PRAGMA user_version = ") && left-- > 0;
  };
}

/** A file with one message, whose first checkpoint has left its mark. */
export async function fileWithMark(
  place: Place,
  durability: "disk" | "process" = "process",
): Promise<FailingFile> {
  const file = new FailingFile(undefined, { durability });
  await append(file.store, puts("t", "before"));
  await file.restart(markStays(place));
  file.repair();
  assertEquals(hasMark(file.path), place === "file");
  return file;
}

/** What the file says without its log. */
export function hasMark(path: string): boolean {
  using file = Deno.openSync(path);
  return isMarked(readDatabaseHeader(file));
}
