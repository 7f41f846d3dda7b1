/**
 * What the writer of replies tells the line to its peer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ReplyWriter } from "../queue/reply_writer.ts";

/** A line that notes what it is told. */
function noted() {
  const told: string[] = [];
  const wire = {
    send: (frame: string) => void told.push(frame),
    cannotTell: () => void told.push("cannot tell"),
  };
  return { told, replies: new ReplyWriter(wire) };
}

Deno.test("a client of dsmq 1.x cannot say that it has read, and the line is told so once", () => {
  const { told, replies } = noted();
  for (const message of ["one", "two"]) {
    replies.beginFrame(false);
    replies.addPlain(`{"message":"${message}"}`);
    replies.endFrame();
  }
  assertEquals(told, ["cannot tell", '{"message":"one"}', '{"message":"two"}']);
});

Deno.test("of a client whose requests have ids the line is told no such thing", () => {
  const { told, replies } = noted();
  replies.beginFrame(false);
  replies.add('{"id":2,"message":"one"}');
  replies.endFrame();
  assertEquals(told, ['{"id":2,"message":"one"}']);
});
