import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { IdMap, nameKey, NameMap, NameSet } from "../../protocol/name_map.ts";

const NAMES = [
  "",
  "a",
  "1",
  "0",
  "4294967295",
  "9".repeat(16),
  "#",
  "#1",
  "##1",
  "%1",
  "/",
  "é",
  "t1",
];

Deno.test("no key of a name looks like a number, and no two names have the same key", () => {
  for (const name of NAMES) assert(!/^[0-9]/.test(nameKey(name)), name);
  assertEquals(new Set(NAMES.map(nameKey)).size, NAMES.length);
  assertNotEquals(nameKey("1"), nameKey("#1"));
  assertMatch(nameKey("1"), /^#1$/);
});

Deno.test("a map by names works like a map, and returns names unchanged", () => {
  const map = new NameMap<number>();
  NAMES.forEach((name, i) => map.set(name, i));
  assertEquals([...map], NAMES.map((name, i) => [name, i]));
  assertEquals([...map.values()], NAMES.map((_, i) => i));
  assertEquals([map.get("#1"), map.has("2"), map.get("2")], [7, false, undefined]);
  assert(map.delete("1"));
  assert(!map.delete("1"));
  assertEquals(map.size, NAMES.length - 1);
  map.set("1", 99);
  assertEquals([...map].at(-1), ["1", 99]);
  map.clear();
  assertEquals(map.size, 0);
});

Deno.test("a set of names works like a set, and returns names unchanged", () => {
  const set = new NameSet();
  for (const name of [...NAMES, "1"]) set.add(name);
  assertEquals([...set], NAMES);
  assert(set.has("1") && set.delete("1") && !set.has("1") && !set.delete("1"));
  assertEquals(set.size, NAMES.length - 1);
  set.clear();
  assertEquals(set.size, 0);
});

Deno.test("a map by ids works like a map", () => {
  const map = new IdMap<string>();
  map.set(1, "one");
  map.set(2 ** 53 - 1, "last");
  assertEquals([map.get(1), map.has(0), map.get(2 ** 53 - 1), map.size], ["one", false, "last", 2]);
  assertEquals([...map.values()], ["one", "last"]);
  assert(map.delete(1));
  assert(!map.delete(1));
  map.clear();
  assertEquals(map.size, 0);
});
