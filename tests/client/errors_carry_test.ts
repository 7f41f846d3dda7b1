/**
 * What the errors of calls carry, and which of these calls may be repeated.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, DsmqError, isDsmqError, serve } from "@dsmq/server";
import { ConnectFailures } from "../../client/connect_failures.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  return await withTimeout(call).then(() => undefined, (error: unknown) => error);
}

Deno.test("an error with an empty list of outcomes is not retryable: nobody knows what is stored", () => {
  for (const code of ["full", "unknown_outcome"] as const) {
    assertEquals(new DsmqError(code, "no", { limit: 5, outcomes: [] }).retryable, false);
  }
  assertEquals(new DsmqError("full", "no", { limit: 5 }).retryable, true);
});

Deno.test("a message that is too large: its size and the limit, whether one is put or many", async () => {
  await using server = await openServer({ limits: { messageBytes: 10 } });
  await using mq = await connect(server.url);
  for (const call of [mq.put("t", "123456789é"), mq.putMany("t", ["1", "123456789é"])]) {
    const error = await failure(call);
    assert(isDsmqError(error, "too_large"));
    assertEquals([error.limit, error.bytes, error.topic, error.retryable], [10, 13, "t", false]);
  }
});

Deno.test("a list of which something is stored is not to be repeated as it is", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const full = { code: "full", message: "no room", limit: 5 };
  for (const [outcomes, retryable] of [[[7, full], false], [undefined, true]] as const) {
    const failing = failure(mq.putMany("t", ["one", "two"]));
    const { id } = await script.next();
    await script.send({ id, error: { ...full, outcomes } });
    const error = await failing;
    assert(isDsmqError(error, "full"));
    assertEquals([error.limit, error.retryable, error.outcomes?.length], [5, retryable, 2]);
  }
});

Deno.test("why a server cannot be reached is always said, also if the time was over before the first try", async () => {
  const script = new ScriptedServer();
  script.stuck = true;
  for (const timeout of [0.001, 1, 50]) {
    const error = await failure(connect(script.url, { dial: script.dial, timeout }));
    assert(isDsmqError(error, "unreachable"), String(error));
    assertEquals([error.reason, error.status, error.retryable], ["timed_out", undefined, true]);
  }
});

Deno.test("giving up before any attempt has failed says that the time is over", () => {
  const error = new ConnectFailures().toError("given up", ["ws://a:1"]);
  assert(isDsmqError(error, "unreachable"));
  assertEquals(error.reason, "timed_out");
});

Deno.test("a gap says what was asked for and what there is, and is not hidden by a repetition", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = failure(mq.get("t"));
  const gap = { code: "trimmed", message: "gone", after: 3, floor: 4, last: 9 };
  await script.send({ id: (await script.next()).id, error: gap, through: 4 });
  const error = await failing;
  assert(isDsmqError(error, "trimmed", "ahead", "epoch_changed"));
  assertEquals([error.after, error.floor, error.last, error.retryable], [3, 4, 9, false]);
});

Deno.test("a server that sends a gap without its positions violates the protocol", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = failure(mq.get("t"));
  const { id } = await script.next();
  await script.send({
    id,
    error: { code: "trimmed", message: "gone", floor: 4, last: 9 },
    through: 4,
  });
  assert(isDsmqError(await failing, "protocol_error"));
});

Deno.test("the errors of serve have their code, their cause, and whether it may pass", async () => {
  await using server = await openServer();
  const inUse = await failure(serve({ port: server.port }));
  assert(isDsmqError(inUse, "address_in_use") && inUse.retryable && inUse.cause instanceof Error);
  const unusable = await failure(serve({ port: 0, store: "sqlite:/not/there/queue.db" }));
  assert(isDsmqError(unusable, "store_unusable") && !unusable.retryable);
  // A program that only serves needs no client for that.
  const { isDsmqError: ofServer } = await import("@dsmq/server/server");
  assert(ofServer === isDsmqError);
});
