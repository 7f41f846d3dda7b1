import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { Feed } from "../../stores/feed.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Follower, TopicMessage } from "../../stores/store.ts";
import { append, put, RETENTION } from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";

function message(seq: number): TopicMessage {
  return { seq, time: 0, topic: "t", body: '""', bytes: 2 };
}

function recordingFollower(): Follower & { readonly seqs: number[]; readonly errors: string[] } {
  const [seqs, errors]: [number[], string[]] = [[], []];
  return {
    seqs,
    errors,
    stored: (messages) => void seqs.push(...messages.map(({ seq }) => seq)),
    lost: ({ message }) => void errors.push(message),
  };
}

Deno.test("a follower that throws loses the feed, and the others continue", () => {
  const feed = new Feed();
  const [bad, good] = [recordingFollower(), recordingFollower()];
  feed.follow({
    ...bad,
    stored: () => {
      throw new Error("too much");
    },
  }, 0);
  feed.follow(good, 0);
  feed.publish([message(1)]);
  feed.publish([message(2)]);
  assertEquals(good.seqs, [1, 2]);
  assertEquals([bad.errors, good.errors], [["too much"], []]);
});

Deno.test("a subscriber that follows twice gets everything twice, and may stop one of the two", () => {
  const feed = new Feed();
  const follower = recordingFollower();
  const first = feed.follow(follower, 0);
  feed.follow(follower, 0);
  feed.publish([message(1)]);
  first[Symbol.dispose]();
  feed.publish([message(2)]);
  assertEquals(follower.seqs, [1, 1, 2]);
});

for (const kind of ["memory", "file"] as const) {
  Deno.test(`what a store in ${kind === "file" ? "a file" : kind} applies while it is closed reaches its followers before it is answered`, async () => {
    using folder = new FileFolder();
    const { clock } = folder;
    const store = kind === "file"
      ? folder.open()
      : new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock });
    const follower = recordingFollower();
    await store.follow(follower);
    const answered = append(store, [put("t")]).then(() => assertEquals(follower.seqs, [1]));
    await store[Symbol.asyncDispose]();
    await answered;
    assertEquals([follower.seqs, follower.errors], [[1], []]);
  });
}
