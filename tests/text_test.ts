/**
 * Texts, as the wire and the store see them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { compareCodePoints } from "../protocol/text.ts";
import { seeded } from "./support/seeded.ts";

Deno.test("texts are compared by their code points, and not by the units of UTF-16", () => {
  // The last two are in the other order as JavaScript compares them.
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

/** How bytes compare, the first that differs deciding. */
function order(one: Uint8Array, other: Uint8Array): number {
  const first = one.findIndex((byte, i) => byte !== other[i]);
  if (first < 0) return one.length === other.length ? 0 : -1;
  return first >= other.length ? 1 : Math.sign(one[first]! - other[first]!);
}
