import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RenewedMap } from "../../protocol/renewed_map.ts";

const KEY = fc.integer({ min: 0, max: 100 });

Deno.test("a map that is renewed has what a Map has, in the same order", () => {
  const change = fc.record({ key: KEY, isRemoved: fc.boolean() });
  fc.assert(fc.property(fc.array(change, { maxLength: 1000, size: "max" }), (changes) => {
    const [map, model] = [new RenewedMap<number, number>(), new Map<number, number>()];
    changes.forEach(({ key, isRemoved }, i) => {
      if (isRemoved) map.delete(key);
      else map.set(key, i);
      if (isRemoved) model.delete(key);
      else model.set(key, i);
      assertEquals([map.get(key), map.size], [model.get(key), model.size]);
    });
    assertEquals([...map], [...model]);
    assertEquals(map.values, [...model.values()]);
    assertEquals(map.first, map.values[0]);
  }));
});

Deno.test("what a map has lost is not held by its old tables, which may live long", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const map = new RenewedMap<number, number[]>();
  for (let key = -9; key < 0; key++) map.set(key, []);
  // Its table is in the old generation from now on.
  collect();
  for (let key = -9; key < 0; key++) map.delete(key);
  const { heapUsed } = Deno.memoryUsage();
  let most = 0;
  for (let key = 0; key < 40_000; key++) {
    map.set(key, Array(1000).fill(key));
    map.delete(key - 2);
    if (key % 100 === 0) most = Math.max(most, Deno.memoryUsage().heapUsed - heapUsed);
  }
  // What has just come is collected once it fills the young generation.
  assert(most < 64e6, `of 320 MB that were there for a moment ${most / 1e6} MB were held`);
});
