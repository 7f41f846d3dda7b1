/**
 * A reason that is cut takes as much memory as what is left of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { shortReason } from "../../protocol/group_limits.ts";

Deno.test("at most a thousand characters of a reason are kept, well-formed", () => {
  assertEquals(shortReason("no"), "no");
  assertEquals(shortReason("a\ud800"), "a\ufffd");
  assertEquals(shortReason("x".repeat(1001)), "x".repeat(1000));
  assertEquals(shortReason(`${"x".repeat(999)}\u{1f600}`), `${"x".repeat(999)}\ufffd`);
});

Deno.test("of a long reason nothing stays in memory but what is kept", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  const before = Deno.memoryUsage().heapUsed;
  const kept = Array.from({ length: 100 }, (_, i) => {
    const { reason } = JSON.parse(JSON.stringify({ reason: `${i}`.padEnd(1_000_000, "x") }));
    return shortReason(reason);
  });
  gc();
  const growth = Deno.memoryUsage().heapUsed - before;
  assert(kept.every(({ length }) => length === 1000));
  assert(growth < 20_000_000, `${growth} bytes more`);
});
