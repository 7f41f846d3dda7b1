/**
 * Permissions that are withdrawn during a read: the result is not sent any more.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import type { WireError } from "../../protocol/errors.ts";
import { compareCodePoints } from "../../protocol/text.ts";
import { listReadableTopics } from "../../connection/server_verbs.ts";
import { TopicReaders } from "../../queue/topic_readers.ts";
import type { Store, TopicQuery } from "../../stores/store.ts";
import { store, testServer, turns } from "../support/bridge.ts";
import { HeldStore } from "../support/held_store.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { seeded } from "../../testing/seeded.ts";

const GOOD_NO_MORE: WireError = {
  code: "unauthorized",
  message: "Cannot go on: the token is gone",
};

const get = (id: number) => ({ action: "get", id, topic: "t" });

for (
  const [what, request] of [
    ["a get", get(1)],
    ["a list of gets", Array.from({ length: 3000 }, (_, id) => get(id))],
    ["a get_wait", { ...get(1), action: "get_wait" }],
    ["a subscribe", { ...get(1), action: "subscribe", since: "start", messages: 9, bytes: 999 }],
  ] as const
) {
  Deno.test(`${what} whose token was withdrawn while the store was read gets nothing`, async () => {
    const heldStore = new HeldStore(["read", "topicBounds"]);
    await using host = await testServer(heldStore);
    await store(host, "t", ...Array.from({ length: 3000 }, (_, i) => `${i}`));
    using peer = new ManualPeer(host);
    heldStore.hold();
    peer.sendFrame(request);
    await turns(3);
    // As `setAuth` does when the token is no longer in the list.
    peer.connection.rejectToken(GOOD_NO_MORE);
    heldStore.release();
    await turns();
    assertEquals(peer.messages, []);
  });
}

Deno.test("a get_wait that may not be read any more before it waits does not count among the waits of its topic", async () => {
  const heldStore = new HeldStore(["read"]);
  await using host = await testServer(heldStore);
  using peer = new ManualPeer(host);
  const all = peer.connection.permissions;
  peer.sendFrame({ ...get(1), action: "get_wait" });
  await turns(3);
  heldStore.hold();
  peer.sendFrame({ ...get(2), action: "get_wait", timeout: 0 });
  await turns(3);
  peer.connection.permissions = new Permissions("", { topics: ["other"] });
  heldStore.release();
  await turns(3);
  assertEquals([1, 2].map((id) => peer.reply(id)?.error.code), [
    "permission_denied",
    "permission_denied",
  ]);
  peer.connection.permissions = all;
  peer.sendFrame({ ...get(3), action: "get_wait" });
  await turns(3);
  await store(host, "t", "m");
  await turns(3);
  assertEquals(peer.messages, ["m"]);
});

Deno.test("a list of topics leaves out those that may no longer be read when the store answers", async () => {
  const heldStore = new HeldStore(["topics"]);
  await using host = await testServer(heldStore);
  for (const topic of ["open.a", "secret", "open.b"]) await store(host, topic, "m");
  using peer = new ManualPeer(host);
  heldStore.hold();
  peer.sendFrame({ action: "topics", id: 1 });
  await turns(3);
  peer.connection.permissions = new Permissions("", { prefixes: ["open."] });
  heldStore.release();
  await peer.request({ action: "heartbeat", id: 2 });
  const topics = peer.reply(1).topics.map(({ topic }: { topic: string }) => topic);
  assertEquals(topics, ["open.a", "open.b"]);
});

/** Nobody follows a topic. */
const NO_READERS = { readers: new TopicReaders() };

Deno.test("a list of topics holds those that may be read, in order, page by page, whatever their prefixes", async () => {
  const random = seeded(3);
  const letters = ["a", "b", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
  const text = (min: number, max: number) =>
    Array.from({ length: min + random(max) }, () => letters[random(letters.length)]).join("");
  const order = (topics: Iterable<string>) => [...topics].sort(compareCodePoints);
  for (let round = 0; round < 300; round++) {
    const all = order(new Set(Array.from({ length: 40 }, () => text(1, 4))));
    const prefixes = Array.from({ length: random(8) }, () => text(1, 2));
    const topics = Array.from({ length: random(8) }, () => text(1, 3));
    const { readable } = new Permissions("", { topics, prefixes });
    const prefix = text(0, 3);
    const expected = all.filter((topic) =>
      topic.startsWith(prefix) &&
      (topics.includes(topic) || prefixes.some((own) => topic.startsWith(own)))
    );
    const found: string[] = [];
    for (let after = random(2) ? "" : text(1, 2), first = after;; after = found.at(-1)!) {
      const request = { action: "topics", id: 1, prefix, after, count: 3 } as const;
      const page = await listReadableTopics(
        { ...NO_READERS, store: listing(all) },
        request,
        readable,
        () => undefined,
      );
      found.push(...page.map(({ topic }) => topic));
      if (page.length === 3) continue;
      assertEquals(found, expected.filter((topic) => compareCodePoints(topic, first) > 0));
      break;
    }
  }
});

Deno.test("a list of topics skips thousands of prefixes that are not asked for, and yields between the others", async () => {
  const { readable } = new Permissions("", {
    prefixes: Array.from({ length: 10_000 }, (_, i) => `${10_000 + i}.`),
  });
  const queries: string[] = [];
  const store = {
    topics: ({ prefix }: TopicQuery) => {
      queries.push(prefix);
      return Promise.resolve([]);
    },
  };
  let pauses = 0;
  const list = async (fields: object) => {
    [queries.length, pauses] = [0, 0];
    const request = {
      action: "topics",
      id: 1,
      prefix: "",
      after: "",
      count: 9,
      ...fields,
    } as const;
    await listReadableTopics({ ...NO_READERS, store }, request, readable, () => void pauses++);
    return [queries.length, pauses];
  };
  assertEquals(await list({ prefix: "15000.a" }), [1, 1]);
  assertEquals(await list({ prefix: "1500" }), [10, 10]);
  assertEquals(await list({ after: "19998.x" }), [2, 2]);
  assertEquals(await list({ prefix: "2" }), [0, 0]);
  assertEquals(await list({}), [10_000, 10_000]);
});

/** Lists these topics as a store does. */
function listing(topics: readonly string[]): Pick<Store, "topics"> {
  return {
    topics: ({ prefix, after, count }) =>
      Promise.resolve(
        topics.filter((topic) => topic.startsWith(prefix) && compareCodePoints(topic, after) > 0)
          .slice(0, count).map((topic) => ({
            topic,
            messages: 1,
            bytes: 104,
            stored: 1,
            seq: 1,
            time: 1,
          })),
      ),
  };
}
