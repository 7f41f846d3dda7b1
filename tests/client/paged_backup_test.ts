/**
 * A backup of several pages: what is gone of any topic, and since when.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PagedBackup } from "../../client/backup.ts";
import type { BackupGoneReply } from "../../protocol/replies.ts";

const INFO = { store: "s", epoch: "e", epochs: [], last: 9, floor: 0, gone: 0, time: 1000 };

/** What is said of any topic after these pages, each with one topic of which nothing is gone. */
async function ofAny(
  ...pages: readonly (readonly [last: number, at?: number])[]
): Promise<unknown> {
  const replies = pages.map(([last, at], i): BackupGoneReply => {
    const gone = [{ topic: `t${i}`, seq: 0 }];
    return { kind: "backup_gone", id: i, gone, last, at, more: i < pages.length - 1 };
  });
  const never = () => Promise.reject(new Error("no page is asked for"));
  const backup = new PagedBackup(INFO, never, () => Promise.resolve(replies.shift()!));
  return (await Array.fromAsync(backup.gone())).at(-1);
}

Deno.test("what is gone of any topic is the newest of all pages, since the latest time of all; if one does not tell, nobody knows", async () => {
  const topic = undefined;
  assertEquals(await ofAny([0], [0]), { topic, seq: 0 });
  assertEquals(await ofAny([0], [3, 7.5]), { topic, seq: 3, at: 7.5 });
  assertEquals(await ofAny([3, 9], [5, 7]), { topic, seq: 5, at: 9 });
  assertEquals(await ofAny([3, 9], [5]), { topic, seq: 5 });
  assertEquals(await ofAny([3], [5, 9]), { topic, seq: 5 });
});
