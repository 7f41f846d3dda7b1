/**
 * The limits of one connection: N pass, the N+1st is refused with a code and the limit, the N are unaffected, and
 * a client of dsmq 1.x is not disconnected.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServerLimits } from "../../protocol/limits.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const get = (topic: string, id?: number) => ({ action: "get", id, topic });
const put = (topic: string, body: string) => ({ action: "put", id: 900, topic, body });
const wait = (id: number, topic = "t") => ({ action: "get_wait", id, topic, timeout: 60_000 });
const subscribe = (id: number, messages: number, bytes: number) => ({
  ...{ action: "subscribe", id, topic: "t", messages, bytes, since: "now" },
});
const nothing = { action: "cancel", id: 999, wait: 999 };

// deno-lint-ignore no-explicit-any -- a test looks at what it expects
function assertRefused({ id, error }: any, expected: number, limit: number): void {
  assertEquals([id, error.code, error.limit], [expected, "limit_exceeded", limit]);
}

interface Case {
  readonly limits: Partial<ServerLimits>;
  /** Goes up to the limit, beyond it, back, and up to it again. */
  run(client: RawClient, old: RawClient, clock: ManualClock): Promise<void>;
}

const cases: Record<string, Case> = {
  "requests in one frame": {
    limits: { frameRequests: 3 },
    async run(client, old) {
      const puts = [1, 2, 3, 4, 5].map((i) => ({ ...put("t", `${i}`), id: i }));
      const replies = await client.request(puts);
      assertEquals(replies.slice(0, 3).map(({ id }: { id: number }) => id), [1, 2, 3]);
      for (const id of [4, 5]) assertRefused(replies[id - 1], id, 3);
      old.send([get("t"), put("t", "4"), get("t"), get("t"), get("t", 8), put("t", "x"), {}, 1]);
      const [one, { seq }, two, overLimit, heartbeat, lastHeartbeat, ...none] = await old.next();
      assertEquals([one, seq, two], [{ message: "1" }, 4, { message: "2" }]);
      assertEquals([overLimit.message, overLimit.error.code, overLimit.error.limit], [
        "",
        "limit_exceeded",
        3,
      ]);
      assertEquals([heartbeat.id, lastHeartbeat.id, none], [8, 900, []]);
      assertEquals(
        await client.request([get("t", 1), get("t", 2), get("t", 3)]).then(({ length }) => length),
        3,
      );
    },
  },
  "waiting get_waits": {
    limits: { waits: 2 },
    async run(client) {
      client.send(wait(1));
      client.send(wait(2, "u"));
      assertRefused(await client.request(wait(3)), 3, 2);
      assertRefused(await client.request(wait(4, "new")), 4, 2);
      assertEquals((await client.request(get("t", 5))).body, "");
      client.send({ action: "put", topic: "t", message: "m" });
      const { id, body } = await client.next();
      assertEquals([id, body], [1, "m"]);
      client.send(wait(6));
      assertEquals(await client.request(nothing), { id: 999 });
      assertRefused(await client.request(wait(7)), 7, 2);
    },
  },
  subscriptions: {
    limits: { subscriptions: 2 },
    async run(client) {
      for (const id of [1, 2]) assertEquals((await client.request(subscribe(id, 10, 100))).sub, id);
      assertRefused(await client.request(subscribe(3, 10, 100)), 3, 2);
      client.send({ action: "put", topic: "t", message: "m" });
      const subs = [await client.next(), await client.next()].map(({ sub }) => sub);
      assertEquals(subs, [1, 2]);
      assertEquals(await client.request({ action: "unsubscribe", id: 4, sub: 1 }), { id: 4 });
      assertEquals((await client.request(subscribe(3, 10, 100))).sub, 3);
      assertRefused(await client.request(subscribe(5, 10, 100)), 5, 2);
    },
  },
  "messages granted ahead": {
    limits: { creditMessages: 10 },
    async run(client) {
      assertRefused(await client.request(subscribe(1, 11, 1000)), 1, 10);
      assertEquals((await client.request(subscribe(1, 10, 1000))).sub, 1);
      const messages = Array.from({ length: 15 }, (_, i) => `${i}`);
      const few = { ...put("t", ""), body: undefined, bodies: messages.slice(0, 3) };
      client.send(few);
      const streamed: string[] = [];
      const read = async () => {
        const frame = await client.next();
        streamed.push(...frame.bodies ?? []);
        return frame.id;
      };
      while (streamed.length < 3 || await read() !== 900) if (streamed.length < 3) await read();
      const credit = { action: "credit", sub: 1, bytes: 1000 };
      assertRefused(await client.request({ ...credit, id: 2, messages: 14 }), 2, 10);
      // It has changed nothing.
      assertEquals(await client.request({ ...credit, id: 3, messages: 11 }), { id: 3 });
      client.send({ ...few, id: undefined, bodies: messages.slice(3) });
      while (streamed.length < 11) await read();
      assertEquals(streamed, messages.slice(0, 11));
      assertEquals(await client.request(nothing), { id: 999 });
      assertEquals(client.unread, []);
    },
  },
  "bytes granted ahead": {
    limits: { creditBytes: 10, messageBytes: 10 },
    async run(client) {
      assertRefused(await client.request(subscribe(1, 100, 11)), 1, 10);
      assertEquals((await client.request(subscribe(1, 100, 10))).sub, 1);
      client.send({ action: "put", topic: "t", message: "xx" });
      assertEquals((await client.next()).bytes, 4);
      const credit = { action: "credit", sub: 1, messages: 100 };
      assertRefused(await client.request({ ...credit, id: 2, bytes: 15 }), 2, 10);
      assertEquals(await client.request({ ...credit, id: 3, bytes: 14 }), { id: 3 });
      client.send({ action: "put", topic: "t", message: "12345678" });
      assertEquals((await client.next()).bodies, ["12345678"]);
    },
  },
  "topics that it reads": {
    limits: { cursors: 2 },
    async run(client, old, clock) {
      for (const topic of ["a", "b", "c"]) client.send({ action: "put", topic, message: topic });
      assertEquals((await client.request(get("a", 1))).body, "a");
      assertEquals((await client.request(get("b", 2))).body, "b");
      assertRefused(await client.request(get("c", 3)), 3, 2);
      for (const action of ["get_latest", "get_wait"]) {
        assertRefused(await client.request({ ...get("c", 4), action, timeout: 0 }), 4, 2);
      }
      assertRefused(
        await client.request({ ...subscribe(5, 1, 100), topic: "c", since: undefined }),
        5,
        2,
      );
      // A read with a position needs no cursor.
      const from = { ...subscribe(6, 0, 0), topic: "c" };
      assertEquals((await client.request(from)).sub, 6);
      const [a, c, b, c2] = await client.request([
        get("a", 1),
        get("c", 2),
        get("b", 3),
        get("c", 4),
      ]);
      assertEquals([a.body, b.body], ["", ""]);
      assertRefused(c, 2, 2);
      assertRefused(c2, 4, 2);
      // It is the same for a client of dsmq 1.x.
      assertEquals([await old.request(get("a")), await old.request(get("b"))], [
        { message: "a" },
        { message: "b" },
      ]);
      const { message, error } = await old.request(get("c"));
      assertEquals([message, error.code, error.limit], ["", "limit_exceeded", 2]);
      const many = await old.request([get("c"), get("a")]);
      assertEquals([many[0].error.code, many[1]], ["limit_exceeded", { message: "" }]);
      // A cursor is forgotten once all before it has expired.
      client.send({ action: "put", topic: "a", message: "again" });
      clock.advance(1000);
      assertEquals((await old.request(get("c"))).message, "");
      client.send({ action: "put", topic: "b", message: "new" });
      assertEquals((await client.request(get("c", 1))).body, "");
      assertEquals((await client.request(get("b", 1))).body, "new");
    },
  },
};

for (const [what, { limits, run }] of Object.entries(cases)) {
  Deno.test(`${what}: as many as allowed pass, one more is refused, and the others are unaffected`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ clock, limits, retention: 1000 });
    await using client = await RawClient.open(server.url);
    await using old = await RawClient.open(server.url);
    await using third = await RawClient.open(server.url);
    const serverLimits = (await third.request({ action: "hello", id: 1 })).limits;
    assertEquals({ ...serverLimits, ...limits }, serverLimits);
    await run(client, old, clock);
    // Nobody was sent anything else, and a client of dsmq 1.x goes on as before.
    assertEquals([client.unread, old.unread], [[], []]);
    old.send({ action: "put", topic: "t", message: "at last" });
    third.send({ action: "get_latest", topic: "t" });
    let last = await third.next();
    for (let i = 0; last.message !== "at last" && i < 100; i++) {
      last = await third.request({ action: "get_latest", topic: "t" });
    }
    assertEquals(last, { message: "at last" });
  });
}

Deno.test("a client whose cursor is forgotten reads on as if it were not", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ clock, limits: { cursors: 3 }, retention: 1000 });
  await using client = await RawClient.open(server.url);
  const read: string[] = [];
  // Each message is read once, although there are four times as many topics as cursors.
  for (let i = 0; i < 12; i++) {
    client.send({ action: "put", topic: `${i}`, message: `${i}` });
    if (i > 0) client.send({ action: "put", topic: `${i - 1}`, message: `${i - 1} again` });
    for (const topic of [i - 1, i, i - 1, i].filter((topic) => topic >= 0)) {
      const { body, error } = await client.request(get(`${topic}`, 1));
      assertEquals(error, undefined);
      if (body !== "") read.push(body);
    }
    clock.advance(1000);
  }
  const expected = Array.from(
    { length: 12 },
    (_, i) => i === 0 ? ["0"] : [`${i - 1} again`, `${i}`],
  );
  assertEquals(read, expected.flat());
});

Deno.test("a cursor that can be forgotten makes room, whenever room was last searched for", async () => {
  const clock = new ManualClock();
  const retention = 1000;
  await using server = await openServer({ clock, retention, limits: { cursors: 1 } });
  await using client = await RawClient.open(server.url);
  client.send({ action: "put", topic: "a", message: "m" });
  assertEquals((await client.request(get("a", 1))).body, "m");
  clock.advance(800);
  assertEquals((await client.request(get("b", 2))).error.code, "limit_exceeded");
  clock.advance(200);
  assertEquals((await client.request(get("b", 3))).body, "");
});

Deno.test("of however many topics a connection has forgotten its cursors, a gap at its start is reported", async () => {
  const clock = new ManualClock();
  const retention = 1000;
  for (const cursors of [100, 3]) {
    await using server = await openServer({ clock, retention, limits: { cursors } });
    await using client = await RawClient.open(server.url);
    const { epoch } = await client.request({ action: "hello", id: 1 });
    client.send({ action: "put", topic: "gone", message: "m" });
    for (let i = 0; i < 12; i++) {
      clock.advance(retention);
      if (i === 0) {
        const since = { after: 0, epoch, asOf: 0 };
        await client.request({ action: "hello", id: 2, since });
      }
      client.send({ action: "put", topic: `${i}`, message: "m" });
      assertEquals((await client.request(get(`${i}`, 3))).body, "m");
    }
    clock.advance(retention);
    assertEquals((await client.request(get("gone", 4))).error?.code, "trimmed", `${cursors}`);
    assertEquals((await client.request(get("gone", 5))).body, "");
  }
});
