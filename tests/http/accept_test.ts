/**
 * Which form of a response a client gets.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { preferredType } from "../../http/accept.ts";

const FORMS = ["text/plain", "application/json"] as const;
const STREAMS = ["text/event-stream", "application/x-ndjson"];

const CHOICES: readonly (readonly [accept: string | null, chosen: string | undefined])[] = [
  [null, "text/plain"],
  ["*/*", "text/plain"],
  ["text/*", "text/plain"],
  ["application/*", "application/json"],
  ["application/json", "application/json"],
  ["text/plain;q=0.4, application/json;q=0.5", "application/json"],
  ["image/png, */*;q=0.1", "text/plain"],
  ["image/png", undefined],
  // What is named is wanted less than the rest, and the rest are streams.
  ["*/*, application/json;q=0.5, text/plain;q=0.4", "application/json"],
  ["text/*, text/plain;q=0.1", "text/plain"],
  ["*/*, text/plain;q=0, application/json;q=0", undefined],
  ["text/event-stream", "text/event-stream"],
  ["application/x-ndjson, */*;q=0.5", "application/x-ndjson"],
  ["text/event-stream;q=0.5, */*", "text/plain"],
  ["text/event-stream;q=0", undefined],
];

for (const [accept, chosen] of CHOICES) {
  Deno.test(`Accept: ${accept} gets ${chosen ?? "nothing"}: a stream only if it is named`, () => {
    assertEquals(preferredType<string>(accept, FORMS, STREAMS), chosen);
  });
}
