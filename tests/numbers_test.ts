/**
 * Numbers as messages of dsmq 1.x: text, as they were written, and nothing else is touched.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { USUAL_LIMITS } from "../protocol/limits.ts";
import { decodeFrame } from "./support/decode_frame.ts";

/** What is put, or the code with which it is refused; for a frame that is read as a whole, and for one that is read in parts. */
function put(json: string): unknown[][] {
  return [json, json + " ".repeat(100_000)].map((frame) =>
    decodeFrame(frame, USUAL_LIMITS).requests.map((request) =>
      request.action === "put"
        ? request.encode(request.messages[0]!).body
        : request.action === "refused"
        ? request.error.code
        : request.action
    )
  );
}

const twice = (expected: unknown[]) => [expected, expected];
const message = (json: string) => `{"action":"put","topic":"t","message":${json}}`;

Deno.test("each number of a frame becomes the text that it was written as", () => {
  assertEquals(put(message("1.50")), twice(['"1.50"']));
  assertEquals(put(message("-0")), twice(['"-0"']));
  const mixed = `[${message("1.0")},${message('"m"')} , ${message(" 2e0 ")}]`;
  assertEquals(put(mixed), twice(['"1.0"', '"m"', '"2e0"']));
});

Deno.test("of a field that is there twice the last counts, however its name is spelled", () => {
  const spelled =
    '{"action":"get","\\u0061ction":"put","topic":"t","message":"a" , "mess\\u0061ge" : 1.0}';
  assertEquals(put(spelled), twice(['"1.0"']));
  assertEquals(put('{"action":"put","topic":"t","message":1.0,"message":"b"}'), twice(['"b"']));
});

Deno.test("a number is only a message of a put that has no id", () => {
  const others = [
    '{"action":"put","id":1,"topic":"t","message":5}',
    '{"action":"get","topic":"t","message":5}',
    '{"action":"put","topic":"t","messages":[5],"more":{"message":5}}',
    "5",
  ];
  const expected = ["bad_message", "get", "bad_message", "bad_request"];
  assertEquals(put(`[${others}]`), twice(expected));
  assertEquals(put(`[${others},${message("7")}]`), twice([...expected, '"7"']));
});
