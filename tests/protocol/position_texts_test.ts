/**
 * The positions of streamed messages as texts.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PositionTexts } from "../../protocol/position.ts";

Deno.test("the text of a position is its epoch and its number, whatever came before it", () => {
  const positions = new PositionTexts();
  const max = Number.MAX_SAFE_INTEGER;
  const seqs = [
    ...Array.from({ length: 2002 }, (_, n) => n),
    9_999,
    10_000,
    999_999,
    1_000_000,
    2 ** 31,
    2 ** 32 + 5,
    ...Array.from({ length: 2002 }, (_, n) => max - 2001 + n),
  ];
  for (const epoch of ["one", "other", "one"]) {
    for (const seq of seqs) assertEquals(positions.of(epoch, seq), `${epoch}:${seq}`);
  }
  // Back, and to and fro.
  for (const seq of seqs.toReversed()) {
    assertEquals([positions.of("one", seq), positions.of("other", seq)], [
      `one:${seq}`,
      `other:${seq}`,
    ]);
  }
});
