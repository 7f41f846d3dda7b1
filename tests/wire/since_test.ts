/**
 * Where a connection starts: `since` in `hello`, and the error for a position that no longer exists.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { TempFolder } from "../support/queue_files.ts";
import { RawClient } from "../support/raw_client.ts";

const get = (id: number, topic: string) => ({ action: "get", id, topic });
const hello = (since?: unknown) => ({ action: "hello", id: 0, since });

async function putAll(client: RawClient, topic: string, ...messages: string[]): Promise<void> {
  const { seqs } = await client.request({ action: "put", id: 1, topic, bodies: messages });
  assertEquals(seqs.length, messages.length);
}

/** Reads a topic to its end. */
async function readAll(client: RawClient, topic: string): Promise<string[]> {
  const messages: string[] = [];
  for (;;) {
    const reply = await client.request(get(2, topic));
    if (!("seq" in reply)) return messages;
    messages.push(reply.body);
  }
}

Deno.test("a connection without since reads what was put after it connected", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await putAll(putter, "t", "one", "two");
  await using reader = await RawClient.open(server.url);
  await putAll(putter, "t", "three");
  assertEquals((await reader.request(hello())).start, 2);
  assertEquals(await readAll(reader, "t"), ["three"]);
});

Deno.test("since start, now, after a number or a time, a connection reads from there", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock });
  await using putter = await RawClient.open(server.url);
  await putAll(putter, "t", "one", "two");
  clock.advance(10);
  const time = clock.now();
  await putAll(putter, "t", "three", "four");
  clock.advance(10);
  const cases = [
    ["start", 0, ["one", "two", "three", "four"]],
    [{ after: 0 }, 0, ["one", "two", "three", "four"]],
    [{ after: 1 }, 1, ["two", "three", "four"]],
    [{ after: 4 }, 4, []],
    ["now", 4, []],
    [{ time: 0 }, 0, ["one", "two", "three", "four"]],
    [{ time: time - 10 }, 0, ["one", "two", "three", "four"]],
    [{ time: time - 9 }, 2, ["three", "four"]],
    [{ time }, 2, ["three", "four"]],
    [{ time: time + 1 }, 4, []],
    [{ time: time + 1_000_000 }, 4, []],
    [{ ago: 0 }, 4, []],
    [{ ago: 10 }, 2, ["three", "four"]],
    [{ ago: 11 }, 2, ["three", "four"]],
    [{ ago: 20 }, 0, ["one", "two", "three", "four"]],
    [{ ago: Number.MAX_SAFE_INTEGER }, 0, ["one", "two", "three", "four"]],
  ] as const;
  for (const [since, start, messages] of cases) {
    await using reader = await RawClient.open(server.url);
    assertEquals((await reader.request(hello(since))).start, start);
    assertEquals(await readAll(reader, "t"), [...messages]);
  }
});

Deno.test("an invalid since is refused, and the connection stays where it was", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await using late = await RawClient.open(server.url);
  await putAll(client, "t", "one");
  const bad = [
    5,
    null,
    "yesterday",
    {},
    [],
    { after: -1 },
    { after: "0" },
    { time: 1.5 },
    { ago: -1 },
    {
      ago: "1",
    },
    { ago: 1, time: 1 },
    { ago: 1, after: 1 },
  ];
  for (const since of bad) {
    const { id, error } = await late.request(hello(since));
    assertEquals([id, error.code], [0, "bad_request"]);
    assertMatch(error.message, /since/);
  }
  assertEquals(await readAll(late, "t"), ["one"]);
});

Deno.test("a position of which one field is invalid is refused, and the error names that field", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  const valid = { after: 0, epoch: "e", asOf: 1, ahead: 1, began: 0.5 };
  for (
    const [field, ...values] of [
      ["epoch", 5, null, "e".repeat(4097)],
      ["asOf", 1.5, -1, "1", null, 2 ** 53],
      ["ahead", 1.5, -1, "1", null],
      ["began", -0.5, "1", null, true],
    ] as const
  ) {
    for (const value of values) {
      const since = { ...valid, [field]: value };
      for (
        const [action, name] of [
          ["hello", "since"],
          ["get", "since"],
          ["get_wait", "since"],
          ["subscribe", "since"],
          ["subscribe", "cursor"],
        ]
      ) {
        const { error } = await client.request({ action, id: 1, topic: "t", [name!]: since });
        assertEquals(error?.code, "bad_request");
        assertMatch(error.message, new RegExp(`"${name}.${field}" must be .*, got `));
      }
    }
  }
});

Deno.test("a client without read permission does not learn how many messages there were at a time or an age", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, auth: { anonymous: { permissions: ["write"] } } });
  await using writer = await RawClient.open(server.url);
  await putAll(writer, "t", "one", "two");
  clock.advance(10);
  for (const since of [{ time: clock.now() }, { ago: 0 }]) {
    assertEquals((await writer.request(hello(since))).start, 0);
  }
});

Deno.test("a topic that was read before hello keeps its position; the others start where hello says", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await putAll(putter, "a", "a1", "a2");
  await putAll(putter, "b", "b1", "b2");
  await using reader = await RawClient.open(server.url);
  assertEquals(await readAll(reader, "a"), []);
  await reader.request(hello("start"));
  assertEquals(await readAll(reader, "a"), []);
  assertEquals(await readAll(reader, "b"), ["b1", "b2"]);
  await putAll(putter, "a", "a3");
  assertEquals(await readAll(reader, "a"), ["a3"]);
});

/** A server whose first three messages (a, b, a) have expired, while the fourth and fifth (a, b) are there. */
async function openTrimmed() {
  const clock = new ManualClock();
  const server = await openServer({ clock, retention: 1000 });
  await using putter = await RawClient.open(server.url);
  for (const topic of ["a", "b", "a"]) await putAll(putter, topic, "old");
  clock.advance(1000);
  for (const topic of ["a", "b"]) await putAll(putter, topic, "new");
  return server;
}

const reads = ["get", "get_latest", "get_wait"] as const;

for (const action of reads) {
  Deno.test(`a trimmed position is reported once for each topic with lost messages, by its first ${action}`, async () => {
    await using server = await openTrimmed();
    await using reader = await RawClient.open(server.url);
    assertEquals((await reader.request(hello({ after: 1 }))).start, 1);
    for (const [topic, gone] of [["a", 3], ["b", 2]] as const) {
      const { id, error, through } = await reader.request({ action, id: 5, topic });
      assertEquals([id, through], [5, gone]);
      assertEquals({ ...error, message: "" }, {
        code: "trimmed",
        message: "",
        after: 1,
        floor: 3,
        last: 5,
      });
      assertEquals(await readAll(reader, topic), ["new"]);
    }
    const none = await reader.request({ action, id: 6, topic: "empty", timeout: 0 });
    assertEquals([none.body, none.error], ["", undefined]);
  });

  Deno.test(`a position beyond the last message is reported once for each topic, by its first ${action}`, async () => {
    await using server = await openTrimmed();
    await using reader = await RawClient.open(server.url);
    assertEquals((await reader.request(hello({ after: 6 }))).start, 5);
    for (const topic of ["a", "empty"]) {
      const { id, error } = await reader.request({ action, id: 5, topic });
      assertEquals(id, 5);
      assertEquals({ ...error, message: "" }, {
        code: "ahead",
        message: "",
        after: 6,
        floor: 3,
        last: 5,
      });
      assertEquals(await readAll(reader, topic), []);
    }
    await putAll(reader, "a", "next");
    assertEquals(await readAll(reader, "a"), ["next"]);
  });
}

Deno.test("of several gets together only the first is told that messages are lost", async () => {
  await using server = await openTrimmed();
  await using reader = await RawClient.open(server.url);
  await reader.request(hello({ after: 0 }));
  const replies = await reader.request([get(1, "a"), get(2, "a"), get(3, "b"), get(4, "b")]);
  assertEquals(
    // deno-lint-ignore no-explicit-any -- a test looks at what it expects
    replies.map(({ id, body, error }: any) => [id, body ?? error.code]),
    [[1, "trimmed"], [2, "new"], [3, "trimmed"], [4, "new"]],
  );
});

Deno.test("a position sent with the first read of a topic applies to that topic only, and not to later ones", async () => {
  await using server = await openServer();
  await using putter = await RawClient.open(server.url);
  await putAll(putter, "a", "a1", "a2", "a3");
  await putAll(putter, "b", "b4", "b5");
  for (const action of reads) {
    await using reader = await RawClient.open(server.url);
    const read = (topic: string, after: number) =>
      reader.request({ action, id: 5, topic, since: { after } });
    const { body, seq } = await read("a", 1);
    assertEquals([body, seq], action === "get_latest" ? ["a3", 3] : ["a2", 2]);
    // It has a cursor by now.
    assertEquals(await readAll(reader, "a"), action === "get_latest" ? [] : ["a3"]);
    assertEquals(
      (await reader.request({ action: "get", id: 6, topic: "a", since: "start" })).body,
      "",
    );
    assertEquals((await reader.request({ action: "get", id: 7, topic: "b" })).body, "");
  }
});

for (const kind of ["in memory", "in a file"]) {
  Deno.test(`what had expired when a position was sent is not a gap for a read (${kind})`, async () => {
    const clock = new ManualClock();
    using folder = new TempFolder();
    const store = kind === "in memory" ? "memory" : `sqlite:${folder.file}` as const;
    await using server = await openServer({ clock, retention: 1000, store });
    await using putter = await RawClient.open(server.url);
    await putAll(putter, "t", "1", "2");
    const { epoch } = await putter.request(hello());
    clock.advance(1000);
    const gone = clock.now();
    await putAll(putter, "t", "3");
    for (const [asOf, expected] of [[gone - 1, "trimmed"], [gone, "3"], [gone + 1, "3"]] as const) {
      for (const position of [{ after: 1 }, { after: 1, epoch }]) {
        await using reader = await RawClient.open(server.url);
        const since = { ...position, asOf };
        const { body, error } = await reader.request({ action: "get", id: 1, topic: "t", since });
        assertEquals(body ?? error.code, expected);
      }
    }
  });
}

Deno.test("a position exactly at the end of what is lost is not trimmed, and since start never is", async () => {
  await using server = await openTrimmed();
  for (const since of [{ after: 3 }, "start", { time: 0 }]) {
    await using reader = await RawClient.open(server.url);
    assertEquals((await reader.request(hello(since))).start, 3);
    assertEquals([await readAll(reader, "a"), await readAll(reader, "b")], [["new"], ["new"]]);
  }
});
