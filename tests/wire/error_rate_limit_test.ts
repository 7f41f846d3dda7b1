/**
 * `errorsPerMinute` counts what clients do wrong, and not what befalls them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import { withErrorRateLimit } from "../../connection/error_rate_limit.ts";
import { inMemory, testServer } from "../support/bridge.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";

const LIMIT = { errorsPerMinute: 3 };

/** Whether the connection is there: one that was closed would be told nothing. */
async function isThere(peer: ManualPeer): Promise<boolean> {
  return (await peer.request({ action: "heartbeat", id: 1000 })).error === undefined;
}

Deno.test("to be told of gaps is no failure", async () => {
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

Deno.test("to find the store full is no failure", async () => {
  await using host = await testServer(
    inMemory(undefined, undefined, { storedBytes: 50 }),
    undefined,
    LIMIT,
  );
  using peer = new ManualPeer(host);
  for (let i = 0; i < 10; i++) {
    const put = { action: "put", id: i, topic: "t", message: "m" };
    assertEquals((await peer.request(put)).error?.code, "full");
  }
  assertEquals(await isThere(peer), true);
});

/** Lets requests fail with a code: how often that was too much, and how many the host was told of. */
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

Deno.test("each failure counts for a minute, however many there were before", () => {
  const clock = new ManualClock();
  let lost = 0;
  const parent = { ...LIMIT, queue: { clock }, onRefused() {} } as unknown as ServerContext;
  const { onRefused } = withErrorRateLimit(parent, "", () => lost++);
  const fail = () => onRefused({ code: "bad_request", message: "Cannot do it" });
  for (let i = 0; i < 1000; i++) {
    fail();
    clock.advance(20_000);
    // The wall clock says nothing of how long it was.
    clock.jump(i % 2 === 0 ? 3_600_000 : -3_600_000);
  }
  assertEquals(lost, 0);
  fail();
  clock.advance(19_999);
  assertEquals(lost, 0);
  fail();
  assertEquals(lost, 1);
});

for (const code of ["full", "unavailable", "unknown_outcome", "shutting_down"] as const) {
  Deno.test(`what fails with ${code} is told, and does not count against the connection`, () => {
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
  Deno.test(`what fails with ${code} counts, and one more than the limit is too much, once`, () => {
    assertEquals(failing(code, 3), { lost: 0, reported: 3 });
    assertEquals(failing(code, 6), { lost: 1, reported: 6 });
  });
}
