/**
 * The parts of the page that need no browser: rates, permissions, attributes, addresses, and which rows are drawn.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type AttributeFields, attributesOf } from "../../web/page/message_attributes.ts";
import { isAllowed, isAllowedEverywhere } from "../../web/page/permissions.ts";
import { groupHref } from "../../web/page/group_name.ts";
import { positionIn } from "../../web/page/typed_position.ts";
import { rowOfKey } from "../../web/page/list_keys.ts";
import { rowsOnScreen, withRow } from "../../web/page/row_range.ts";
import { parseRoute, topicHref } from "../../web/page/router.ts";
import { draftOf } from "../../web/page/draft.ts";
import { sortTopics, TOPIC_COLUMNS } from "../../web/page/topic_columns.ts";
import { topicName } from "../../web/page/topic_name.ts";
import { History, Rates } from "../../web/page/traffic.ts";

Deno.test("a rate is known after two readings, nears what is true, and fades when nothing comes", () => {
  const rates = new Rates();
  rates.update([["t", 1000]], 0);
  assertEquals([rates.of("t"), rates.of("other")], [undefined, undefined]);
  for (let i = 1; i <= 20; i++) rates.update([["t", 1000 + 50 * i]], i * 500);
  assert(Math.abs(rates.of("t")! - 100) < 1e-6);
  for (let i = 21; i <= 60; i++) rates.update([["t", 2000]], i * 500);
  assert(rates.of("t")! < 0.2);
});

Deno.test("a counter that begins anew has no negative rate, and a topic that is gone has none", () => {
  const rates = new Rates();
  rates.update([["gone", 1], ["unknown", 1]], -1000);
  rates.update([["t", 1_000_000], ["gone", 2], ["unknown", 2]], 0);
  assertEquals([rates.of("gone"), rates.of("unknown")], [1, 1]);
  rates.update([["t", 5], ["unknown", undefined]], 1000);
  assertEquals([rates.of("t"), rates.of("gone"), rates.of("unknown")], [5, undefined, undefined]);
});

Deno.test("a chart has a point for each second, a gap where nothing is known, and no more than five minutes", () => {
  const history = new History();
  history.add(1000, 0, 0);
  history.add(1001, 900, 900);
  history.add(2000, 50, 100);
  assertEquals([history.puts, history.deliveries], [[[2], [50]], [[2], [100]]]);
  // The server was started anew; then nobody looked for a while.
  history.add(3000, 10, 0);
  history.add(60_000, 20, 10);
  history.add(61_000, 21, 10);
  assertEquals(history.puts, [[2, 3, 60, 61], [50, null, null, 1]]);
  // A reading that comes late changes nothing.
  history.add(60_500, 20, 10);
  assertEquals(history.puts[0], [2, 3, 60, 61]);
  for (let i = 0; i < 400; i++) history.add(62_000 + i * 1000, 21 + i, 10);
  assertEquals([history.puts[0].length, history.deliveries[1].length], [300, 300]);
  // Nobody looked for an hour.
  history.add(4_000_000, 500, 10);
  assertEquals(history.puts, [[4000], [null]]);
  // The clock of the server was set back.
  history.add(1_000_000, 500, 10);
  history.add(1_001_000, 502, 10);
  assertEquals(history.puts, [[1001], [2]]);
});

Deno.test("a token that is for some topics permits these, and nothing for all", () => {
  const status = {
    permissions: {
      read: [{ topic: "news" }, { prefix: "a." }],
      write: [{ prefix: "" }],
      work: [{ topic: "" }],
      admin: [],
    },
  };
  const readable = ["news", "news.", "a.", "a.b", "a", "b"].filter((topic) =>
    isAllowed(status, "read", topic)
  );
  assertEquals(readable, ["news", "a.", "a.b"]);
  assertEquals(
    (["read", "write", "work", "admin"] as const).map((what) => isAllowedEverywhere(status, what)),
    [false, true, false, false],
  );
});

Deno.test("topics are sorted by their names, and by all else with the largest first", () => {
  const rates = new Rates();
  rates.update([["a", 0], ["b", 0], ["c", 0]], 0);
  rates.update([["a", 1], ["b", 9], ["c", 5]], 1000);
  const info = { seq: 1, stored: 1 };
  const topics = [
    { ...info, topic: "a", messages: 3, bytes: 10, readers: 0, time: 1 },
    { ...info, topic: "b", messages: 1, bytes: 30, readers: 2, time: 2 },
    { ...info, topic: "c", messages: 2, time: 3 },
  ];
  const order = TOPIC_COLUMNS.map((column) => [
    column.title,
    sortTopics(topics, column, rates).map(({ topic }) => topic).join(""),
  ]);
  assertEquals(Object.fromEntries(order), {
    ...{ "Topic": "abc", "Puts/s": "bca", "Messages": "acb" },
    ...{ "Size": "bac", "Readers": "bac", "Newest": "cba" },
  });
});

Deno.test("of a draft what is typed is kept, and what was put is not", async () => {
  const typed = draftOf("t");
  typed.edit({ body: "hello", key: "ann" });
  const draft = draftOf("t");
  assertEquals(draft.state.value.fields, {
    ...{ body: "hello", messageId: "", key: "ann", headers: "", delay: "" },
  });
  const put = Promise.withResolvers<number>();
  const done = draft.put({ put: () => put.promise });
  // Another view is shown, and then this one again.
  assertEquals([draftOf("t"), draftOf("t").state.value.isSending], [draft, true]);
  draft.edit({ body: "the next one" });
  put.resolve(7);
  await done;
  const { fields: { body, key }, result } = draft.state.value;
  assertEquals([body, key, result], ["the next one", "", {
    text: "Stored as message 7",
    isProblem: false,
  }]);
  await draft.put({ put: () => Promise.reject(new Error("Cannot put: no")) });
  assertEquals(draft.state.value.result, { text: "Cannot put: no", isProblem: true });
  assertEquals(draftOf("t").state.value.fields.body, "the next one");
  draft.edit({ body: "" });
  for (const kept of ["hello", "7", '{"body":7}']) {
    sessionStorage.setItem("dsmq-draft:t", kept);
    assertEquals(draftOf("t").state.value.fields.body, "");
  }
  sessionStorage.clear();
});

Deno.test("a topic that nobody would see in a list is named in quotes", () => {
  const names = ["", " ", "\u200b", "\u3164\u2060", "a b", "\u200bx", "\u{1f600}"];
  assertEquals(names.map(topicName), [
    '""',
    '" "',
    '"\u200b"',
    '"\u3164\u2060"',
    ...names.slice(4),
  ]);
});

Deno.test("attributes are those that are typed, and a header that is none is named", () => {
  const form = (fields: Partial<AttributeFields>) => ({
    ...{ messageId: "", key: "", headers: "", delay: "" },
    ...fields,
  });
  assertEquals(attributesOf(form({})), {});
  assertEquals(
    attributesOf(form({ messageId: "m-1", key: "", headers: "a: b\n\n  url : http://x:1 \n" })),
    { messageId: "m-1", headers: { a: "b", url: "http://x:1" } },
  );
  assertEquals(
    attributesOf(form({ headers: "__proto__: x" })).headers,
    JSON.parse('{"__proto__":"x"}'),
  );
  assertThrows(() => attributesOf(form({ headers: "a: b\nnone" })), Error, "got: none");
  assertEquals(attributesOf(form({ delay: " 1.5 " })), { delay: 1500 });
  assertEquals(attributesOf(form({ delay: "0" })), {});
  for (const delay of ["soon", "-1", "1e3"]) {
    assertThrows(() => attributesOf(form({ delay })), Error, `seconds, got: ${delay}`);
  }
});

Deno.test("what is typed as a position is one that the client takes: a number, or of any history", () => {
  const epoch = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";
  for (const text of ["0", "42", "9007199254740991"]) assertEquals(positionIn(text), Number(text));
  for (const text of [`${epoch}:0`, "a_history_of_16-:9007199254740991", `${"A".repeat(128)}:7`]) {
    assertEquals(positionIn(` ${text} `), text);
  }
  const wrong = ["", "nonsense", "-1", "1.5", "9007199254740993", ":5", "short:5", epoch];
  for (const text of [...wrong, `${epoch}:01`, `${epoch}:9999999999999999`, `${epoch}:`]) {
    assertEquals(positionIn(text), undefined, text);
  }
});

Deno.test("the address of each group leads back to it, and any other to the list of groups", () => {
  for (const target of ["a", "a/b", "#?%", "ключ", "\u202e", " ", ".."]) {
    for (const isPrefix of [false, true]) {
      const name = { target, isPrefix, group: target };
      const { hash } = new URL(groupHref(name), "http://h/");
      assertEquals(parseRoute(hash), { view: "group", name });
    }
  }
  const all = { target: "", isPrefix: true, group: "g" };
  assertEquals(parseRoute(groupHref(all)), { view: "group", name: all });
  for (
    const other of ["", "/", "/topic/a", "/topic//g", "/other/a/g", "/topic/a/g/x", "/topic/%/g"]
  ) {
    assertEquals(parseRoute(`#/groups${other}`), { view: "groups" });
  }
});

Deno.test("the address of each topic leads back to it, and any other to the topics", () => {
  for (const topic of ["a", "a/b", "#?%", "ключ", "\u202e", " ", ".."]) {
    assertEquals(parseRoute(new URL(topicHref(topic), "http://h/").hash), { view: "topic", topic });
  }
  assertEquals(parseRoute("#/connections"), { view: "connections" });
  assertEquals(parseRoute("#/server"), { view: "server" });
  for (const hash of ["", "#", "#/", "#/topics/", "#/topics/%", "#/nothing"]) {
    assertEquals(parseRoute(hash), { view: "topics" }, hash);
  }
});

Deno.test("the rows that are drawn are those on the screen, and a few beyond", () => {
  assertEquals(rowsOnScreen(200, 900, 40, 10_000), [0, 24]);
  assertEquals(rowsOnScreen(-4000, 900, 40, 10_000), [94, 129]);
  assertEquals(rowsOnScreen(-399_000, 900, 40, 10_000), [9969, 10_000]);
  assertEquals(rowsOnScreen(2000, 900, 40, 10_000), [0, 0]);
  assertEquals(rowsOnScreen(-1e9, 900, 40, 10), [10, 10]);
  assertEquals(rowsOnScreen(0, 900, 40, 0), [0, 0]);
});

Deno.test("one row is drawn besides those on the screen, and none that is gone", () => {
  for (const drawn of [3, 4, 5]) assertEquals(withRow([3, 6], drawn, 10), [3, 4, 5]);
  assertEquals(withRow([3, 6], 6, 10), [3, 4, 5, 6]);
  assertEquals(withRow([3, 6], 0, 10), [0, 3, 4, 5]);
  assertEquals(withRow([3, 6], 9, 10), [3, 4, 5, 9]);
  assertEquals(withRow([3, 6], -1, 10), [3, 4, 5]);
  assertEquals(withRow([3, 60], 2, 5), [2, 3, 4]);
  assertEquals(withRow([30, 60], 4, 5), [4]);
  assertEquals(withRow([0, 9], -1, 0), []);
});

Deno.test("keys go from row to row, by pages of which one row stays, and no further than the list", () => {
  const to = (key: string, at: number, page = 10) => rowOfKey(key, at, page, 30);
  assertEquals(["ArrowDown", "ArrowUp"].map((key) => to(key, 5)), [6, 4]);
  assertEquals(["PageDown", "PageUp"].map((key) => to(key, 15)), [24, 6]);
  assertEquals(["Home", "End"].map((key) => to(key, 15)), [0, 29]);
  assertEquals(["ArrowUp", "PageUp"].map((key) => to(key, 0)), [0, 0]);
  assertEquals(["ArrowDown", "PageDown"].map((key) => to(key, 29)), [29, 29]);
  assertEquals(["PageDown", "PageUp"].map((key) => to(key, 15, 0)), [16, 14]);
  assertEquals(
    ["Enter", "Tab", "a", "toString"].map((key) => to(key, 5)),
    Array(4).fill(undefined),
  );
});
