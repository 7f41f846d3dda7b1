/**
 * Answers that do not come down, and connections that are closed by chance.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "@dsmq/server";
import { settled, until } from "../support/bridge.ts";
import { nextBody } from "../support/connected_pair.ts";
import { behindIntermediary, BIG } from "../support/refusing_intermediary.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a message that does not come down is reported once to its read, and reading continues behind it", () =>
  behindIntermediary(async ({ mq, bridge, stored }) => {
    await stored("t", "1", BIG, "2", "3");
    const gets = Array.from({ length: 5 }, () => settled(mq.get("t")));
    assertEquals(await Promise.all(gets), ["1", "error refused", "2", "3", ""]);
    await stored("t", BIG, "4");
    assertEquals(await settled(mq.read("t")), "error refused");
    assertEquals(await settled(mq.get("t")), "4");
    const { dials } = bridge;
    assertEquals([await settled(mq.put("u", "m")), bridge.dials], [7, dials]);
  }, { only: "down" }));

for (
  const [what, call] of [
    ["getLatest", (mq: Connection) => mq.getLatest("t")],
    ["getWait", (mq: Connection) => mq.getWait("t", { timeout: 60_000 })],
  ] as const
) {
  Deno.test(`a ${what} whose answer does not come down is told so, beside others that wait`, () =>
    behindIntermediary(async ({ mq, stored }) => {
      const other = settled(mq.getWait("u", { timeout: 60_000 }), 60_000);
      if (what === "getLatest") await stored("t", BIG);
      const got = settled(call(mq), 20_000);
      await until(() => mq.status === "connected");
      if (what === "getWait") await stored("t", BIG);
      assertEquals(await got, "error refused");
      await stored("u", "m");
      assertEquals(await other, "m");
      assertEquals(await settled(mq.get("t")), "");
    }, { only: "down" }));
}

Deno.test("a stream whose message does not come down ends with that; one with a gap policy continues behind it", () =>
  behindIntermediary(async ({ mq, stored }) => {
    const gaps: (number | undefined)[] = [];
    const streams = [
      mq.subscribe("t"),
      mq.subscribe("t", { onGap: "oldest" }),
      mq.subscribe("t", { onGap: (gap) => void gaps.push(gap.last) }),
      mq.subscribe("t", { onGap: (gap) => (gaps.push(gap.last), "oldest") }),
      mq.subscribe("u"),
    ];
    const first = streams.map((stream) => nextBody(stream));
    await settled(mq.get("t"));
    await stored("t", "1", BIG, "2");
    await stored("u", "m");
    assertEquals(await Promise.all(first), ["1", "1", "1", "1", "m"]);
    const [ends, goesOn, chooses, goes] = streams as [
      ...[typeof streams[0], typeof streams[0], typeof streams[0], typeof streams[0]],
      ...typeof streams,
    ];
    assertEquals(await nextBody(ends!), "error refused");
    assertEquals([await nextBody(goesOn!), await nextBody(goes!)], ["2", "2"]);
    assertEquals(await nextBody(chooses!), "error refused");
    await stored("u", "n");
    assertEquals(await nextBody(streams[4]!), "n");
  }, { only: "down" }));

Deno.test("small messages whose frames together are too large all come down, read and streamed", () =>
  behindIntermediary(async ({ mq, bridge, stored }) => {
    const messages = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(100));
    await stored("t", ...messages);
    const stream = mq.subscribe("t", { since: "start" });
    const streamed: unknown[] = [];
    while (streamed.length < messages.length) streamed.push(await nextBody(stream));
    assertEquals(streamed, messages);
    const other = mq.subscribe("none");
    void nextBody(other);
    const again = await settled(mq.putMany("u", messages), 20_000);
    assertEquals(again.length, messages.length);
    assert(bridge.dials <= 6, `${bridge.dials} connections`);
    const { dials } = bridge;
    // It has learnt: what is sent now is small enough.
    await stored("t", ...messages);
    for (const message of messages) assertEquals(await nextBody(stream), message);
    assertEquals(bridge.dials, dials);
  }));

Deno.test("a list of topics that does not come down is requested in smaller pages", () =>
  behindIntermediary(async ({ mq, stored }) => {
    for (let i = 0; i < 100; i++) await stored(`topic ${i}`, "m");
    const topics = await withTimeout(mq.topics(), 20_000);
    assertEquals(topics.length, 100);
  }, { only: "down", limit: 2000 }));
