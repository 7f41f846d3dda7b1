/**
 * Numbers as messages of dsmq 1.x: text, as they were written, and nothing else is touched.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { withNumbersAsText } from "../protocol/numbers.ts";

function read(json: string): readonly unknown[] {
  const value: unknown = JSON.parse(json);
  return withNumbersAsText(Array.isArray(value) ? value : [value], json);
}

Deno.test("each number of a frame becomes the text that it was written as", () => {
  const put = (message: string) => `{"action":"put","topic":"t","message":${message}}`;
  const messages = (json: string) =>
    read(json).map((item) => (item as { message: unknown }).message);
  assertEquals(messages(put("1.50")), ["1.50"]);
  assertEquals(messages(`[${put("1.0")},${put('"m"')},${put("2e0")}]`), ["1.0", "m", "2e0"]);
});

Deno.test("a number is only a message of a put that has no id", () => {
  const untouched = [
    { action: "put", id: 1, topic: "t", message: 5 },
    { action: "get", topic: "t", message: 5 },
    { action: "put", topic: 5, messages: [5], more: { message: [5] } },
    5,
    null,
  ];
  assertEquals(read(JSON.stringify(untouched)), untouched);
  const beside = JSON.stringify([...untouched, { action: "put", topic: 5, message: 7, more: 8 }]);
  const last = { action: "put", topic: 5, message: "7", more: 8 };
  assertEquals(read(beside), [...untouched, last]);
});
