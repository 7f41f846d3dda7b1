/**
 * Messages in their JSON encoding: however a client wrote them, they are stored in one form.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Permissions } from "../../auth/permissions.ts";
import { bodyEncoderFor, encodeBody } from "../../protocol/body.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { authorize } from "../../connection/authorize.ts";
import { decodeFrame } from "../support/decode_frame.ts";

/** A text as JSON with each unit escaped, as some languages do it. */
function escaped(text: string): string {
  const unit = (i: number) => text.charCodeAt(i).toString(16).padStart(4, "0");
  return `"${Array.from({ length: text.length }, (_, i) => `\\u${unit(i)}`).join("")}"`;
}

/** Like {@linkcode JSON.stringify}, but everything beyond ASCII is escaped. */
function inAscii(text: string): string {
  return JSON.stringify(text).replace(/[^\0-\x7f]/g, (unit) => escaped(unit).slice(1, -1));
}

function assertSame(json: string): void {
  const text = JSON.parse(json) as string;
  const expected = encodeBody(text);
  assertEquals(bodyEncoderFor(json)(text), expected, json);
  assertEquals(expected.bytes, new TextEncoder().encode(expected.body).length, json);
}

Deno.test("a message is encoded the same, however it was written in its frame", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary-ascii" }),
    fc.string({ unit: "binary" }),
    fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  );
  fc.assert(fc.property(text, (text) => {
    for (const write of [JSON.stringify, escaped, inAscii]) assertSame(write(text));
  }));
});

Deno.test("each unit is encoded the same, however it was written in its frame", () => {
  for (let unit = 0; unit <= 0xffff; unit++) {
    const text = `a${String.fromCharCode(unit)}b`;
    for (const write of [JSON.stringify, escaped]) assertSame(write(text));
  }
});

Deno.test("long texts are encoded the same, with the only unusual unit at their end", () => {
  for (const end of ["", "z", "\x7f", "é", "€", "\u{1f995}", "\\", '"', "\n", "\ud800"]) {
    for (const length of [60, 120, 253, 254, 255, 256, 257, 20_000]) {
      assertSame(JSON.stringify("m".repeat(length) + end));
    }
  }
});

Deno.test("an invalid message is not encoded", () => {
  const text = "\u{1f995}".repeat(100_000);
  const put = JSON.stringify({ action: "put", id: 1, topic: "t", bodies: [text, text] });
  const { stringify } = JSON;
  let encoded = 0;
  JSON.stringify = (value: unknown) => {
    encoded++;
    return stringify(value);
  };
  try {
    const { requests } = decodeFrame(put, DEFAULT_LIMITS);
    const [run] = authorize(requests, new Permissions("", { permissions: ["read"] }));
    const [refused] = run!;
    assertEquals([refused!.id, refused!.action], [1, "refused"]);
    assertEquals(encoded, 1, "the name of the topic alone is quoted");
  } finally {
    JSON.stringify = stringify;
  }
});
