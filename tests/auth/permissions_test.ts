/**
 * What grants allow.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";

Deno.test("of several grants each allows what it says, and nothing for the topics of another", () => {
  const permissions = new Permissions("one", [
    { permissions: ["read"], prefixes: ["news."], topics: ["news.today", "public"] },
    { permissions: ["write"], topics: ["orders"] },
    { permissions: ["read", "write"], prefixes: ["news.eu", "both."] },
  ]);
  const allowed = (topic: string) => [permissions.mayRead(topic), permissions.mayWrite(topic)];
  assertEquals(allowed("news.today"), [true, false]);
  assertEquals(allowed("news.eu"), [true, true]);
  assertEquals(allowed("public"), [true, false]);
  assertEquals(allowed("orders"), [false, true]);
  assertEquals(allowed("both.1"), [true, true]);
  assertEquals(allowed("other"), [false, false]);
  assertEquals(permissions.readable?.map(({ text }) => text), ["both.", "news.", "public"]);
  assertEquals([permissions.mayStop, permissions.full], [false, false]);
});

Deno.test("a grant for all topics beside one for some is for all", () => {
  const some = { permissions: ["read", "write"] as const, topics: ["a"] };
  const reader = new Permissions("one", [some, { permissions: ["read", "admin"] }]);
  assertEquals([reader.readable, reader.mayRead("b"), reader.mayWrite("b")], [
    undefined,
    true,
    false,
  ]);
  assertEquals([reader.mayStop, reader.full], [true, false]);
  assertEquals(new Permissions("one", [some, {}]).full, true);
});

Deno.test("no grants allow nothing", () => {
  const { mayStop, full, readable } = new Permissions("one", []);
  assertEquals({ mayStop, full, readable }, { mayStop: false, full: false, readable: [] });
});

Deno.test("admin for some topics administers these, and not the server", () => {
  for (const some of [{ topics: ["a"] }, { prefixes: ["a"] }, { topics: [] }, { prefixes: [] }]) {
    const permissions = new Permissions("one", { permissions: ["admin"], ...some });
    const isNone = some.topics?.length === 0 || some.prefixes?.length === 0;
    assertEquals(permissions.mayAdministrate("a", false), !isNone);
    assertEquals(permissions.mayAdministrate("b", false), false);
    assertEquals([permissions.mayAdministrate(undefined, false), permissions.mayStop], [
      false,
      false,
    ]);
    const all = { permissions: ["admin"] as const, prefixes: [""] };
    const both = new Permissions("one", [{ permissions: ["admin"], ...some }, all]);
    assertEquals([both.mayAdministrate(undefined, false), both.mayStop], [true, true]);
  }
});
