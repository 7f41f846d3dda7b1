/**
 * `closed`: a promise that resolves when a connection has ended for good, with the reason, and never rejects.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type Connection, DsmqError, serve } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Whether `closed` is still pending. */
async function isPending(mq: Connection): Promise<boolean> {
  const pending = Symbol("pending");
  return await Promise.race([mq.closed, Promise.resolve(pending)]) === pending;
}

Deno.test("closed resolves after close, without an error, and not before", async () => {
  await using server = await serve({ port: 0 });
  const mq = await connect(server.url);
  const { closed } = mq;
  assert(await isPending(mq));
  await mq.close();
  assertEquals(await withTimeout(closed), { code: "closed", reason: "it was closed" });
  assertEquals([mq.status, mq.closed], ["closed", closed]);
  await mq.close();
  assertEquals(await mq.closed, await closed);
});

Deno.test("closed distinguishes a server that went away from a close by the caller", async () => {
  const server = await serve({ port: 0 });
  await using mq = await connect(server.url, { reconnect: false });
  await server.shutdown();
  const { code, reason, error } = await withTimeout(mq.closed);
  assertEquals([code, mq.status], ["closed", "closed"]);
  assert(error instanceof DsmqError && error.code === "closed");
  assertEquals(error.message, `The connection to ${mq.url} ended: ${reason}`);
});

Deno.test("closed stays pending while the client reconnects, and resolves when it gives up", async () => {
  const script = new ScriptedServer();
  const reconnect = { minDelay: 0, maxDelay: 5, timeout: 50 };
  await using mq = await connect(script.url, { dial: script.dial, reconnect });
  script.hangUp();
  for await (const { status } of mq.statusChanges()) if (status === "connected") break;
  assertEquals([script.dials, await isPending(mq)], [2, true]);
  script.unreachable = true;
  script.hangUp();
  const { code, reason, error } = await withTimeout(mq.closed);
  assertEquals([code, error?.code], ["closed", "closed"]);
  assertStringIncludes(reason, "given up after");
});

for (const [closeCode, code] of [[4401, "unauthorized"], [4409, "session_taken_over"]] as const) {
  Deno.test(`closed has the code ${code} after the close code ${closeCode}`, async () => {
    const script = new ScriptedServer();
    await using mq = await connect(script.url, { dial: script.dial });
    script.hangUp(closeCode);
    const { error, ...info } = await withTimeout(mq.closed);
    assertEquals([info.code, error?.code], [code, code]);
  });
}

Deno.test("closed has the code protocol_error after a reply that violates the protocol", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial });
  await script.send("no JSON");
  const { code, error } = await withTimeout(mq.closed);
  assertEquals([code, error?.code], ["protocol_error", "protocol_error"]);
});

Deno.test("closed has no error if the connection breaks while the caller closes it", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const put = mq.put("t", "m").catch(({ code }) => code);
  await script.next();
  const closing = mq.close();
  script.hangUp();
  const { code, error } = await withTimeout(mq.closed);
  assertEquals([code, error, await put], ["closed", undefined, "unknown_outcome"]);
  await withTimeout(closing);
});
