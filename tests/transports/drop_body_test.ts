/**
 * Bodies that nobody wants.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dropBody } from "../../transports/drop_body.ts";
import { HeldTimers } from "../support/held_timers.ts";

const PART = 64 * 1024;
const MIB = 1024 * 1024;

/** A body of so many parts; tells how many were read, and when it was ended by its reader, or by itself. */
function bodyOf(parts: number) {
  const seen = { read: 0 };
  const ended = Promise.withResolvers<"read to its end" | "ended">();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (seen.read === parts) {
        controller.close();
        return ended.resolve("read to its end");
      }
      seen.read++;
      controller.enqueue(new Uint8Array(PART));
    },
    cancel: () => ended.resolve("ended"),
  }, { highWaterMark: 0 });
  return { body, seen, ended: ended.promise };
}

/** A request whose response need not wait for its body. */
const HTTP1 = new Request("http://localhost/", { headers: { host: "localhost" } });

/** A request as it comes over HTTP/2: without a Host. */
const HTTP2 = new Request("https://localhost/");

Deno.test("a body that nobody wants is read to its end if it is short", async () => {
  const { body, seen, ended } = bodyOf(MIB / PART);
  await dropBody(HTTP1, body);
  assertEquals(await ended, "read to its end");
  assertEquals(seen.read, MIB / PART);
});

Deno.test("a body without an end is ended after a mebibyte: what is read with pauses takes memory that Deno keeps", async () => {
  const { body, seen, ended } = bodyOf(10 * MIB / PART);
  await dropBody(HTTP1, body);
  assertEquals(await ended, "ended");
  assertEquals(seen.read, MIB / PART + 1);
});

Deno.test("over HTTP/2 a response waits for a body of any size", async () => {
  const { body, seen } = bodyOf(3 * MIB / PART);
  await dropBody(HTTP2, body);
  assertEquals(seen.read, 3 * MIB / PART);
});

Deno.test("over HTTP/2 a response waits a second for a body that does not end, and then ends it", async () => {
  using timers = new HeldTimers("transports/drop_body.ts");
  const { body, ended } = bodyOf(Infinity);
  const dropped = dropBody(HTTP2, body);
  assertEquals(timers.count, 1);
  timers.fire();
  await dropped;
  assertEquals(await ended, "ended");
});

Deno.test("over HTTP/2 a response waits a second for a body that stops coming", async () => {
  using timers = new HeldTimers("transports/drop_body.ts");
  const dropped = dropBody(HTTP2, new ReadableStream({ pull: () => new Promise(() => {}) }));
  timers.fire();
  await dropped;
});

Deno.test("to drop a body whose client leaves fails nobody", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("the client has left")),
  });
  await dropBody(HTTP2, body);
});
