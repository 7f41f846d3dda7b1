/**
 * Texts, as the wire and the store see them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { compareCodePoints, escapeControls, quoted, topicProblem } from "../../protocol/text.ts";
import { seeded } from "../../testing/seeded.ts";

Deno.test("texts are compared by their code points, and not by their UTF-16 units", () => {
  // JavaScript compares the last two in the other order.
  const sorted = ["", "A", "a", "aa", "ab", "b", "é", "語", "\uff5e", "\u{1f995}"];
  for (const [i, one] of sorted.entries()) {
    for (const [j, other] of sorted.entries()) {
      assertEquals(Math.sign(compareCodePoints(one, other)), Math.sign(i - j), `${one}, ${other}`);
    }
  }
});

Deno.test("texts are in the order of their bytes in UTF-8", () => {
  const random = seeded(1);
  const encoder = new TextEncoder();
  const letters = ["a", "b", "é", "語", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
  const text = () =>
    Array.from({ length: random(4) }, () => letters[random(letters.length)]).join("");
  for (let i = 0; i < 5000; i++) {
    const [one, other] = [text(), text()];
    assertEquals(
      Math.sign(compareCodePoints(one, other)),
      order(encoder.encode(one), encoder.encode(other)),
      JSON.stringify([one, other]),
    );
  }
});

/** How bytes compare: the first difference decides. */
function order(one: Uint8Array, other: Uint8Array): number {
  const first = one.findIndex((byte, i) => byte !== other[i]);
  if (first < 0) return one.length === other.length ? 0 : -1;
  return first >= other.length ? 1 : Math.sign(one[first]! - other[first]!);
}

Deno.test("control characters, direction overrides and lone surrogates are shown escaped, and nothing else is", () => {
  const units = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const bad = [
    ...units(0x00, 0x1f),
    ...units(0x7f, 0x9f),
    0x061c,
    0x200e,
    0x200f,
    ...units(0x2028, 0x202e),
    ...units(0x2066, 0x2069),
    0xd800,
    0xdfff,
  ];
  for (const unit of bad) {
    const escaped = `\\u${unit.toString(16).padStart(4, "0")}`;
    assertEquals(escapeControls(`a${String.fromCharCode(unit)}b`), `a${escaped}b`);
    const found = quoted(`a${String.fromCharCode(unit)}b`);
    assertEquals([JSON.parse(found), escapeControls(found)], [
      `a${String.fromCharCode(unit)}b`,
      found,
    ]);
  }
  const good = 'aZ~ \u00a0é"\\ה\u200d👩‍🦰\u{10ffff}\ufeff';
  assertEquals(escapeControls(good), good);
  assertEquals(escapeControls("one\n\ttwo\r", "\n\t"), "one\n\ttwo\\u000d");
});

Deno.test("a topic that is far too long is refused by its length alone", () => {
  const { isWellFormed } = String.prototype;
  String.prototype.isWellFormed = () => {
    throw new Error("it was looked at");
  };
  try {
    const fault = topicProblem("\0" + "x".repeat(1_000_000), 256);
    assertEquals(fault, "the topic has 1000001 characters, the limit is 256 bytes");
  } finally {
    String.prototype.isWellFormed = isWellFormed;
  }
});
