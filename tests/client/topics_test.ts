/**
 * The list of topics, which comes page by page.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect, type Connection, isDsmqError } from "@dsmq/server";
import { TopicList } from "../../client/topic_list.ts";
import { type ScriptedRequest, ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Lists topics of a server that answers with these pages, the last of them over and over; returns the requests and the result. */
async function list(...pages: string[][]): Promise<{ cursors: string[]; found: unknown }> {
  const script = new ScriptedServer();
  const mq: Connection = await connect(script.url, { dial: script.dial, reconnect: false });
  const listing = mq.topics();
  const cursors: string[] = [];
  let listed = false;
  listing.then(() => listed = true, () => listed = true);
  while (!listed && cursors.length < 20) {
    const { id, after }: ScriptedRequest = await withTimeout(script.next());
    const page = pages[Math.min(cursors.push(after), pages.length) - 1]!;
    const topics = page.map((topic) => ({ topic, messages: 1, seq: 1, time: 1 }));
    await script.send({ id, topics, more: true });
  }
  script.hangUp();
  const found = await listing.then(
    (entries) => entries.map(({ topic }) => topic),
    ({ code }) => code,
  );
  return { cursors, found };
}

Deno.test("the list of topics continues after the last of each page, in the order of code points", async () => {
  const pages = [["a", "a\uff5e"], ["a\u{1f995}"], ["b"], []];
  assertEquals(await list(...pages), {
    cursors: ["", "a\uff5e", "a\u{1f995}", "b"],
    found: ["a", "a\uff5e", "a\u{1f995}", "b"],
  });
});

Deno.test("an empty page is the last, whatever it states", async () => {
  assertEquals(await list(["a"], []), { cursors: ["", "a"], found: ["a"] });
});

for (
  const [what, ...pages] of [
    ["sends the same page again and again", ["a", "b"]],
    ["goes back", ["a", "b"], ["a"]],
    ["repeats a topic", ["a", "b"], ["c", "c"]],
    ["lists out of order", ["a", "b"], ["\u{1f995}", "\uff5e"]],
    ["lists what cannot be a topic", ["a", "b"], ["c\u001b[2J"]],
    [
      "lists more than it was asked for",
      ["a", "b"],
      Array.from({ length: 1001 }, (_, i) => `c${i}`),
    ],
  ] as [string, ...string[][]][]
) {
  Deno.test(`a server that ${what} is not asked forever, but left`, async () => {
    assertEquals(await list(...pages), { cursors: ["", "b"], found: "protocol_error" });
  });
}

Deno.test("a list of topics that does not end fails when it takes 40 MiB", () => {
  let number = 0;
  const topics = Array.from({ length: 1000 }, () => ({ messages: 1, seq: 1, time: 1 }));
  const page = () =>
    topics.map((entry) => ({ ...entry, topic: `${++number}`.padStart(4000, "0") }));
  const list = new TopicList("");
  const error = assertThrows(() => {
    for (let pages = 0; pages < 1000; pages++) assert(list.add({ topics: page(), more: true }));
  }, Error);
  assert(isDsmqError(error, "limit_exceeded"));
  assertEquals(number, 11_000);
});
