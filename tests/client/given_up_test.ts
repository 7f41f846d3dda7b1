/**
 * A client that gives up says why: the errors of `closed`, of calls and of streams have the error of the last attempt as their
 * cause.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type ConnectOptions, DsmqError } from "@dsmq/server";
import { ConnectError } from "../../client/connect_error.ts";
import { failingSocket } from "../support/failing_socket.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { ScriptedServer } from "../support/scripted_server.ts";

const reconnect = { minDelay: 10, maxDelay: 50, timeout: 300 };
const untrusted = new ConnectError("its certificate is self-signed", {
  reason: "certificate_untrusted",
  final: true,
});
const refusedToken = new ConnectError("the server does not accept the token", {
  code: "unauthorized",
  reason: "http_status",
  status: 401,
  final: true,
});

/** The errors of a client whose server is gone, with a read, a stream and a put under way. */
async function errorsOf(options: ConnectOptions, failure: ConnectError): Promise<DsmqError[]> {
  const script = new ScriptedServer();
  const dial = () => script.dials === 0 ? script.dial() : failingSocket(failure);
  const mq = await connect(script.url, { dial, reconnect, ...options });
  const stream = mq.subscribe("t");
  const failing = [mq.read("t", { wait: 10_000 }), stream.next(), mq.put("t", "m")]
    .map((call) => call.then(() => undefined, (error) => error));
  while ((await script.next()).action !== "put");
  script.hangUp();
  const { error } = await mq.closed;
  const later = await mq.get("t").catch((error) => error);
  return [error, ...await Promise.all(failing), later];
}

Deno.test("a client that gives up says in each error why its last attempt failed", () =>
  inVirtualTime(async () => {
    const errors = await errorsOf({}, untrusted);
    assertEquals(errors.map(({ code }) => code), [
      "closed",
      "closed",
      "closed",
      "unknown_outcome",
      "closed",
    ]);
    for (const { cause, message, reason } of errors) {
      assert(cause instanceof DsmqError);
      const { code, reason: why, cause: attempt } = cause;
      assertEquals([code, why, attempt], ["unreachable", "certificate_untrusted", untrusted]);
      assertEquals(reason, undefined);
      assertMatch(message, /its certificate is self-signed \(given up after 0\.3 s\)$/);
    }
  }));

Deno.test("a client whose token is refused after a break says it with reason and status", () =>
  inVirtualTime(async () => {
    const errors = await errorsOf({ token: "t" }, refusedToken);
    assertEquals(errors.map(({ code, reason, status }) => `${code} ${reason} ${status}`), [
      "unauthorized http_status 401",
      "unauthorized http_status 401",
      "unauthorized http_status 401",
      "unknown_outcome undefined undefined",
      "unauthorized http_status 401",
    ]);
    for (const { cause } of errors) assertEquals((cause as DsmqError).cause, refusedToken);
  }));

Deno.test("a client that is given no token any more does not say that nobody answered", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const thrown = new Error("login page");
    const token = () => {
      if (script.dials > 0) throw thrown;
      return "t";
    };
    const mq = await connect(script.url, { dial: script.dial, token, reconnect });
    script.hangUp();
    const { code, reason, error } = await mq.closed;
    assertMatch(reason, /and it failed: login page \(given up after 0\.3 s\)$/);
    const cause = error!.cause as DsmqError;
    assertEquals([code, cause.reason, cause.cause], ["closed", "no_token", thrown]);
  }));

Deno.test("what onRetry throws is the cause of the errors of the connection that it ends", () =>
  inVirtualTime(async () => {
    const thrown = new Error("enough");
    const onRetry = () => {
      throw thrown;
    };
    for (const { cause } of await errorsOf({ onRetry }, untrusted)) assert(cause === thrown);
  }));

Deno.test("a violation of the protocol that the client found is the cause of the error of closed", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial });
  const read = mq.get("t").catch((error) => error);
  await script.send({ id: (await script.next()).id, body: "without a number" });
  const { code, error } = await mq.closed;
  assertEquals([code, (await read).code], ["protocol_error", "protocol_error"]);
  assert(error!.cause instanceof DsmqError);
});
