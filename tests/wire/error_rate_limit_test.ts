/**
 * `errorsPerMinute` counts the mistakes of clients, and not what happens to them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { withErrorRateLimit } from "../../connection/error_rate_limit.ts";
import { inMemory, testServer } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const LIMIT = { errorsPerMinute: 3 };

/** Whether the connection is open: a closed one would receive nothing. */
async function isThere(peer: ManualPeer): Promise<boolean> {
  return (await peer.request({ action: "heartbeat", id: 1000 })).error === undefined;
}

Deno.test("an error about a gap does not count", async () => {
  await using host = await testServer(inMemory(), undefined, LIMIT);
  using peer = new ManualPeer(host);
  const since = { after: 5, epoch: "another" };
  for (const action of ["get", "get_latest", "get_wait", "subscribe"]) {
    for (let i = 0; i < 4; i++) {
      const topic = `${action} ${i}`;
      const request = { action, id: i, topic, since, messages: 1, bytes: 1000 };
      assertEquals((await peer.request(request)).error?.code, "epoch_changed");
    }
  }
  assertEquals(await isThere(peer), true);
});

Deno.test("an error because the store is full does not count", async () => {
  await using host = await testServer(
    inMemory(undefined, undefined, { storedBytes: 50 }),
    undefined,
    LIMIT,
  );
  using peer = new ManualPeer(host);
  for (let i = 0; i < 10; i++) {
    const put = { action: "put", id: i, topic: "t", body: "m" };
    assertEquals((await peer.request(put)).error?.code, "full");
  }
  assertEquals(await isThere(peer), true);
});

/** Lets requests fail with a code: how often that exceeded the limit, and how many failures the host was told of. */
function failing(code: ErrorCode, count: number): { lost: number; reported: number } {
  const seen = { lost: 0, reported: 0 };
  const parent = {
    ...LIMIT,
    queue: { clock: new ManualClock() },
    onRefused: () => void seen.reported++,
  } as unknown as ServerContext;
  const { onRefused } = withErrorRateLimit(parent, "", () => seen.lost++);
  for (let i = 0; i < count; i++) onRefused({ code, message: "Cannot do it" });
  return seen;
}

Deno.test("each failure counts for one minute, however many came before", () => {
  const clock = new ManualClock();
  let lost = 0;
  const parent = { ...LIMIT, queue: { clock }, onRefused() {} } as unknown as ServerContext;
  const { onRefused } = withErrorRateLimit(parent, "", () => lost++);
  const fail = () => onRefused({ code: "bad_request", message: "Cannot do it" });
  for (let i = 0; i < 1000; i++) {
    fail();
    clock.advance(20_000);
    // The wall clock does not show how long it took.
    clock.jump(i % 2 === 0 ? 3_600_000 : -3_600_000);
  }
  assertEquals(lost, 0);
  fail();
  clock.advance(19_999);
  assertEquals(lost, 0);
  fail();
  assertEquals(lost, 1);
});

const NOT_ITS_FAULT = [
  "full",
  "unavailable",
  "unknown_outcome",
  "shutting_down",
  "busy",
  "behind",
] as const;

for (const code of NOT_ITS_FAULT) {
  Deno.test(`a failure with ${code} is reported, and does not count against the connection`, () => {
    assertEquals(failing(code, 100), { lost: 0, reported: 100 });
  });
}

for (
  const code of [
    "bad_request",
    "bad_topic",
    "too_large",
    "limit_exceeded",
    "permission_denied",
    "unauthorized",
    "superseded",
  ] as const
) {
  Deno.test(`a failure with ${code} counts, and one more than the limit exceeds it, once`, () => {
    assertEquals(failing(code, 3), { lost: 0, reported: 3 });
    assertEquals(failing(code, 6), { lost: 1, reported: 6 });
  });
}
