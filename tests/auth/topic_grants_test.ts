/**
 * Grants for some topics: what they allow, and what they do not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { RawClient } from "../support/raw_client.ts";
import { openServer } from "../support/open_server.ts";

Deno.test("in a frame of many requests, a denied one fails alone and in its place", async () => {
  await using server = await openServer({ auth: { tokens: [{ token: "good", prefixes: ["a"] }] } });
  using handshake = await RawClient.handshake(server.port, headers(server.port, "good"));
  const put = (topic: string, id: number) => ({ action: "put", topic, body: topic, id });
  const puts = await handshake.request([
    put("a1", 1),
    put("b", 2),
    put("a2", 3),
    put("", 4),
    put("a1", 5),
  ]);
  const outcomesOf = (replies: { id: number; seq?: number; error?: { code: string } }[]) =>
    replies.map(({ id, seq, error }) => [id, seq ?? error?.code]);
  assertEquals(outcomesOf(puts), [[1, 1], [2, "permission_denied"], [3, 2], [4, "bad_topic"], [
    5,
    3,
  ]]);
  const get = (topic: string, id?: number) => ({ action: "get", topic, id });
  const gets = await handshake.request([
    get("b", 1),
    get("a1", 2),
    get("a1", 3),
    get("b", 4),
    get("a2", 5),
  ]);
  assertEquals(outcomesOf(gets), [[1, "permission_denied"], [2, 1], [3, 3], [
    4,
    "permission_denied",
  ], [5, 2]]);
  const plain = await handshake.request([get("b"), get("a1"), get("b")]);
  assertEquals(plain.map(({ error }: { error?: { code: string } }) => error?.code), [
    "permission_denied",
    undefined,
    "permission_denied",
  ]);
  assertEquals(server.stats().stored, 3);
});

Deno.test("only readable topics are listed, in order and page by page", async () => {
  const topics = ["a", "a.1", "a.2", "b", "b.1", "c", "\u{e000}x", "\u{1f600}x", "z"];
  const prefixes = ["\u{1f600}", "b.", "a.", "\u{e000}", "a.1", "none"];
  await using server = await openServer({
    auth: {
      tokens: [
        { token: "all" },
        { token: "some", permissions: ["read"], topics: ["c", "b.1", "absent"], prefixes },
      ],
    },
  });
  await using mq = await connect(server.url, { token: "all" });
  for (const topic of topics) await mq.put(topic, "m");
  const own = ["a.1", "a.2", "b.1", "c", "\u{e000}x", "\u{1f600}x"];
  await using some = await connect(server.url, { token: "some" });
  const names = async (prefix?: string) => (await some.topics(prefix)).map(({ topic }) => topic);
  assertEquals(await names(), own);
  assertEquals(await names("a"), ["a.1", "a.2"]);
  assertEquals(await names("a.2"), ["a.2"]);
  assertEquals(await names("c"), ["c"]);
  assertEquals(await names("z"), []);
  using handshake = await RawClient.handshake(server.port, headers(server.port, "some"));
  for (const count of [1, 2, 3, 5]) {
    const found: string[] = [];
    for (let more = true; more;) {
      const page = await handshake.request({
        action: "topics",
        id: 1,
        count,
        after: found.at(-1) ?? "",
      });
      found.push(...page.topics.map(({ topic }: { topic: string }) => topic));
      more = page.more;
    }
    assertEquals(found, own, `${count} a page`);
  }
});

Deno.test("a token for a topic allows no other topic, however similar the name", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "all" }, { token: "one", topics: ["news", "mail.", "caf\u00e9"] }] },
  });
  await using all = await connect(server.url, { token: "all" });
  await using mq = await connect(server.url, { token: "one" });
  for (const topic of ["news", "mail.", "caf\u00e9"]) await mq.put(topic, "m");
  // Names are compared as they are, without any form of Unicode, and without case.
  const similar = [
    ...["newsletter", "news.today", "mail.box", "mail", "new"],
    ...["NEWS", "News", " news", "news ", "news\u200b", "\ufeffnews", "new\u017f"],
    ...["\uff4e\uff45\uff57\uff53", "n\u0435ws", "cafe\u0301", "cafe", "CAF\u00c9"],
  ];
  for (const topic of similar) {
    await all.put(topic, "secret");
    for (const call of [mq.put(topic, "m"), mq.get(topic), mq.subscribe(topic).next()]) {
      assertEquals((await failure(call)).code, "permission_denied", topic);
    }
  }
  // What is no topic at all.
  using raw = await RawClient.handshake(server.port, headers(server.port, "one"));
  for (const topic of ["news\0", "\0news", "news\n", "news\ud800", ""]) {
    const { error } = await raw.request({ action: "put", id: 1, topic, body: "m" });
    assertEquals(error?.code, "bad_topic", JSON.stringify(topic));
  }
  assertEquals((await mq.topics()).map(({ topic }) => topic), ["caf\u00e9", "mail.", "news"]);
});
