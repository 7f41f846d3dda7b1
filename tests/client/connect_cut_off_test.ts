/**
 * An attempt to connect that the timeout cuts off: it hides no reason that an earlier one found.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { ConnectError } from "../../client/connect_error.ts";
import { failingSocket } from "../support/failing_socket.ts";
import { HandshakeServer, refusal, response } from "../support/handshake_server.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { Program } from "../support/program.ts";

const refused = new ConnectError("nothing listens there", { reason: "refused" });
const busy = new ConnectError("too many", { code: "limit_exceeded" });
const answered = new ConnectError("the answer is 503", { reason: "http_status", status: 503 });

for (const [what, earlier] of Object.entries({ refused, busy, answered })) {
  Deno.test(`an attempt that the timeout cuts off leaves the earlier reason in the error: ${what}`, () =>
    inVirtualTime(async () => {
      let dials = 0;
      const dial = () => failingSocket(++dials < 5 ? earlier : undefined);
      // The fifth attempt begins 135 ms after the first.
      const error = await assertRejects(
        () => connect(undefined, { dial, timeout: 200 }),
        DsmqError,
      );
      assertEquals([error.code, error.reason, error.status, error.cause, dials], [
        earlier.code,
        earlier.reason,
        earlier.status,
        earlier,
        5,
      ]);
      assertEquals(
        error.message,
        `Cannot connect to ws://127.0.0.1:30008: ${earlier.message} (5 tries in 0.2 s)`,
      );
    }));
}

Deno.test("an attempt that was cut off after a second or more is mentioned behind the earlier reason", () =>
  inVirtualTime(async () => {
    let dials = 0;
    const dial = () => failingSocket(++dials === 1 ? refused : undefined);
    const error = await assertRejects(() => connect(undefined, { dial, timeout: 3010 }), DsmqError);
    assertEquals([error.reason, error.cause], ["refused", refused]);
    assertStringIncludes(
      error.message,
      ": nothing listens there; the last try was cut off after 3.0 s: nothing answers there (2 tries",
    );
  }));

Deno.test("an attempt that had its whole time replaces the earlier reason", () =>
  inVirtualTime(async () => {
    let dials = 0;
    const dial = () => failingSocket(++dials === 1 ? refused : undefined);
    const error = await assertRejects(() => connect(undefined, { dial, timeout: 7000 }), DsmqError);
    assertEquals([error.reason, dials], ["timed_out", 3]);
    assert(!error.message.includes("nothing listens there"), error.message);
  }));

Deno.test("of several addresses each keeps its reason, and onRetry gets what each attempt found", () =>
  inVirtualTime(async () => {
    // With this chance the order of the addresses stays as it is given, until the virtual time ends.
    Math.random = () => 0.999;
    const retries: string[] = [];
    let dials = 0;
    const error = await assertRejects(() =>
      connect(["ws://b.test", "ws://a.test"], {
        dial: (url) => failingSocket(url.includes("a.test") || ++dials === 1 ? refused : undefined),
        timeout: 400,
        onRetry: ({ message, reason }) => {
          retries.push(`${/[ab]\.test/.exec(message)} ${reason}`);
        },
      }), DsmqError);
    assertEquals([error.reason, (error.cause as AggregateError).errors], ["refused", [
      refused,
      refused,
    ]]);
    assertMatch(
      error.message,
      /to ws:..b\.test:80 or ws:..a\.test:80: nothing listens there \(\d+ tries/,
    );
    assertEquals(retries.slice(0, 4), [
      "b.test refused",
      "a.test refused",
      "b.test timed_out",
      "a.test refused",
    ]);
  }));

Deno.test("a refusal by a server that then falls silent is what a program and a command report", async () => {
  const turns = () => {
    let requests = 0;
    return () => ++requests === 1 ? response("503 Busy", "come later") : undefined;
  };
  await using server = new HandshakeServer(turns());
  const error = await refusal(server.url, { timeout: 900 });
  assertEquals([error.reason, error.status], ["http_status", 503]);
  assertMatch(error.message, /the answer is 503 Busy: come later \(2 tries in 0\.\d s\)$/);
  await using other = new HandshakeServer(turns());
  await using wait = new Program(
    ["--allow-net", "--no-prompt", "cli.ts", "wait", "t", "--timeout", "900ms", "--url", other.url],
  );
  const { code, stderr } = await wait.end();
  assertEquals(code, 3);
  assertMatch(stderr, /the answer is 503 Busy: come later \(2 tries in 0\.\d s\)$/);
});
