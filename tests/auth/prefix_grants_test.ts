/**
 * Who may subscribe to a prefix: only those who may read every topic that begins with it, also topics to come.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { Permissions } from "../../auth/permissions.ts";
import { store, testServer, turns } from "../support/bridge.ts";
import { failure } from "./auth_support.ts";
import { HeldStore } from "../support/held_store.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a prefix may be subscribed to if a grant covers all of it, and not otherwise", () => {
  const cases: [Permissions, string[], string[]][] = [
    [new Permissions("", {}), ["", "news", "news."], []],
    [new Permissions("", { permissions: ["read"] }), ["", "news"], []],
    [new Permissions("", { permissions: ["write", "admin"] }), [], ["", "news"]],
    [
      new Permissions("", { prefixes: ["news.", "mail", "\u{1f995}"] }),
      ["news.", "news.today", "mail", "mailbox", "\u{1f995}", "\u{1f995}x"],
      ["", "n", "news", "news/", "mai", "\u{1f996}", "z"],
    ],
    // Single topics are never all that begin with a text: others may come.
    [new Permissions("", { topics: ["news", "news."] }), [], ["", "news", "news."]],
    [new Permissions("", { prefixes: [""] }), ["", "x"], []],
    [new Permissions("", { topics: [], prefixes: [] }), [], [""]],
    [
      new Permissions("", [
        { permissions: ["write"], prefixes: ["a"] },
        { permissions: ["read"], prefixes: ["b"] },
      ]),
      ["b", "bc"],
      ["a", "ab", ""],
    ],
  ];
  for (const [permissions, allowed, denied] of cases) {
    for (const prefix of allowed) assertEquals(permissions.mayReadAll(prefix), true, prefix);
    for (const prefix of denied) assertEquals(permissions.mayReadAll(prefix), false, prefix);
  }
});

Deno.test("a denied prefix is refused in words, and takes nothing from the connection", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "all" }, { token: "some", prefixes: ["news."], topics: ["mail"] }] },
  });
  await using all = await connect(server.url, { token: "all" });
  await using some = await connect(server.url, { token: "some" });
  for (const prefix of ["", "news", "mail"]) {
    const error = await failure(some.subscribe({ prefix }).next());
    assertEquals([error.code, error.prefix, error.topic], ["permission_denied", prefix, undefined]);
    const which = prefix === "" ? "" : ` that begin with "${prefix}"`;
    assertStringIncludes(error.message, `Cannot read all topics${which}: permission denied`);
  }
  const stream = some.subscribe({ prefix: "news.to" });
  for (const topic of ["news", "news.old", "mail", "news.today"]) await all.put(topic, topic);
  assertEquals((await withTimeout(stream.next())).value?.body, "news.today");
  await using everything = all.subscribe({ prefix: "" }, { since: "start" });
  assertEquals((await withTimeout(everything.next())).value?.body, "news");
});

Deno.test("changed permissions end the streams of prefixes that they do not cover any more", async () => {
  const auth = (prefixes: string[]) => ({ tokens: [{ token: "good", prefixes }] });
  await using server = await openServer({ auth: auth(["a", "b"]) });
  await using mq = await connect(server.url, { token: "good" });
  const ending = ["a", "a.", "b"].map((prefix) => failure(mq.subscribe({ prefix }).next()));
  const going = mq.subscribe({ prefix: "b.x" });
  const next = going.next();
  // Answered after all of these.
  await mq.get("b");
  await server.setAuth(auth(["b."]));
  for (const [i, error] of (await Promise.all(ending)).entries()) {
    assertEquals([error.code, error.prefix], ["permission_denied", ["a", "a.", "b"][i]]);
  }
  await mq.put("b.xy", "m");
  assertEquals((await withTimeout(next)).value?.body, "m");
  await going.return!();
});

Deno.test("a stream of a prefix that is forbidden while the store answers does not begin, and gets nothing", async () => {
  for (const held of ["read", "topicBounds"] as const) {
    const heldStore = new HeldStore([held]);
    await using host = await testServer(heldStore);
    await store(host, "p.1", "secret");
    using peer = new ManualPeer(host);
    heldStore.hold();
    peer.sendFrame({
      action: "subscribe",
      id: 1,
      prefix: "p.",
      since: "start",
      messages: 9,
      bytes: 999,
    });
    await turns(3);
    peer.connection.permissions = new Permissions("", { prefixes: ["p.1"] });
    heldStore.release();
    await turns();
    assertEquals(peer.messages, []);
  }
});
