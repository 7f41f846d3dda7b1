/**
 * A backup of several pages: whose ids are, what is gone of all topics, and since when.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PagedBackup } from "../../client/backup.ts";
import type { BackupGoneReply, BackupPageReply } from "../../protocol/replies.ts";

const INFO = { store: "s", epoch: "e", epochs: [], last: 9, floor: 0, gone: 0, time: 1000 };

/** What is said of all topics, asked last, after pages with one topic each of which nothing is gone. */
async function ofAll(
  ...answers: readonly (readonly [last: number, at?: number])[]
): Promise<unknown> {
  const topics = answers.slice(1).map((_, i) => `t${i}`);
  const replies = answers.map(([last, at], i): BackupGoneReply => {
    const gone = topics.slice(i, i + 1).map((topic) => ({ topic, seq: 0 }));
    return { kind: "backup_gone", id: i, gone, last, at, more: i < topics.length - 1 };
  });
  const never = () => Promise.reject(new Error("no page is asked for"));
  const backup = new PagedBackup(INFO, never, () => Promise.resolve(replies.shift()!));
  if (topics.length > 0) {
    const gone = await Array.fromAsync(backup.gone());
    assertEquals(gone, topics.map((topic) => ({ topic, seq: 0 })));
  }
  return await backup.newestGone();
}

Deno.test("what is gone of all topics is the newest that was told, since the latest time of all; if one does not tell, nobody knows", async () => {
  assertEquals(await ofAll([0], [0]), { seq: 0 });
  assertEquals(await ofAll([0], [3, 7.5]), { seq: 3, at: 7.5 });
  assertEquals(await ofAll([3, 9], [5, 7]), { seq: 5, at: 9 });
  assertEquals(await ofAll([3, 9], [5]), { seq: 5 });
  assertEquals(await ofAll([3], [5, 9]), { seq: 5 });
  assertEquals(await ofAll([0], [5, 9], [0]), { seq: 5, at: 9 });
});

Deno.test("a message has an identity if the server tells one, which may be empty; from an older server none has", async () => {
  const page = (identities: readonly (string | null)[] | undefined): BackupPageReply => {
    const topics = ["t", "t", "t", "t"];
    const [seqs, times, through] = [[1, 2, 3, 4], [1, 1, 1, 1], 9];
    const attributes = [{ messageId: "a" }, { messageId: "b" }, { messageId: "c" }, null];
    const lists = { topics, bodies: topics, seqs, times, attributes, identities };
    return { kind: "backup_page", id: 1, ...lists, nulls: undefined, through };
  };
  const read = async (identities?: readonly (string | null)[]) => {
    const never = () => Promise.reject(new Error("nothing else is asked for"));
    const backup = new PagedBackup(INFO, () => Promise.resolve(page(identities)), never);
    return await Array.fromAsync(backup, (it) => "identity" in it ? it.identity : "(none)");
  };
  assertEquals(await read(["", "ann", null, null]), ["", "ann", "(none)", "(none)"]);
  assertEquals(await read(), ["(none)", "(none)", "(none)", "(none)"]);
});

Deno.test("what is gone of all topics can be asked for alone", async () => {
  assertEquals(await ofAll([3, 9]), { seq: 3, at: 9 });
});
