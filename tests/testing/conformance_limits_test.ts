/**
 * A server with small limits breaks no promise: a conformance run says which limit refused what a check needs.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { checkServer, WIRE_CHECKS } from "@dsmq/server/testing";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

/** Limits that are too small, and what is said of them. */
const LIMITS: readonly (readonly [object, string])[] = [
  [{ topics: 1 }, "limit_exceeded: Cannot put message: 1 topics hold messages, the limit is 1"],
  [{ topics: 20 }, "limit_exceeded: Cannot put message: 20 topics hold messages, the limit is 20"],
  [{ waits: 0 }, "limit_exceeded: Cannot get_wait: 0 wait already, the limit is 0"],
  [{ subscriptions: 0 }, "limit_exceeded: Cannot subscribe: "],
  [{ messageBytes: 1000, creditBytes: 1000 }, "limit_exceeded: Cannot subscribe: "],
  [{ frameRequests: 2 }, "limit_exceeded: Cannot "],
  [{ storedBytes: 3000 }, "full: Cannot put message: "],
  [{ errorsPerMinute: 1 }, "1008: "],
  [{ connections: 2 }, "1013: "],
  [{ connections: 1 }, "accepts no connection at ws://127.0.0.1:"],
  [{ messageBytes: 199 }, "its limits must permit messages of 200 bytes, got a limit of 199"],
];

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: a limit that refuses what a check needs is one error, which says so`, async () => {
    for (const [limits, sentence] of LIMITS) {
      await using server = await openServer({ transport, limits: as(limits) });
      const { message } = await assertRejects(() => checkServer(server.url), RangeError);
      assertStringIncludes(message, "Cannot check a server: its limits must permit");
      assertStringIncludes(message, sentence);
    }
  });
}

Deno.test("messages as large as the limit that a run needs pass every check", async () => {
  await using server = await openServer({ limits: { messageBytes: 200 } });
  const results = await checkServer(server.url);
  assertEquals(results.flatMap(({ error }) => error?.message ?? []), []);
});

Deno.test("a check that wants the refusal of a limit gets it, and what it does not need is checked", async () => {
  await using server = await openServer({ limits: { waits: 0 } });
  const needless = Object.entries(WIRE_CHECKS).filter(([name]) => !/^get_wait|^cancel/.test(name));
  const checks = {
    ...Object.fromEntries(needless),
    async "no more waits than the limit"(wire: Parameters<typeof WIRE_CHECKS[string]>[0]) {
      const mq = await wire.connect();
      const wait = { action: "get_wait", id: 1, topic: wire.topic(), timeout: 1000 };
      assertEquals((await mq.request(wait)).error.code, "limit_exceeded");
      assertStringIncludes(mq.limited!, "the limit is 0");
    },
  };
  const results = await checkServer(server.url, { checks });
  assertEquals(results.flatMap(({ error }) => error?.message ?? []), []);
  assertEquals(results.length, Object.keys(checks).length);
});
