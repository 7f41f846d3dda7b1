/**
 * What grants allow.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { seeded } from "../../testing/seeded.ts";
import { Permissions } from "../../auth/permissions.ts";
import type { Permission } from "../../protocol/token.ts";

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

Deno.test("only who may read, write and work on all topics has everything that requests for topics need", () => {
  for (const missing of ["read", "write", "work"] as const) {
    const permissions = (["read", "write", "work", "admin"] as const).filter((name) =>
      name !== missing
    );
    assertEquals(new Permissions("one", { permissions }).full, false, missing);
  }
  assertEquals(new Permissions("one", { permissions: ["read", "write", "work"] }).full, true);
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

/** Names of few units: one is a part of others, and they have another order by code points than by UTF-16. */
const UNITS = ["a", "b", ".", "\uffee", "\u{1f995}"];

Deno.test("whatever grants overlap, what they allow is what each of them says", () => {
  const random = seeded(1);
  const name = (least: number) =>
    Array.from({ length: least + random(4) }, () => UNITS[random(UNITS.length)]).join("");
  const names = (least: number) => Array.from({ length: random(5) }, () => name(least));
  for (let round = 0; round < 2000; round++) {
    const grants = Array.from({ length: random(4) }, () => ({
      permissions: (["read", "write", "work", "admin"] as const).filter(() => random(2) === 0),
      ...(random(4) > 0 && { topics: names(1) }),
      // The empty one is for all topics.
      ...(random(4) > 0 && { prefixes: names(random(9) === 0 ? 0 : 1) }),
    }));
    const permissions = new Permissions("one", grants);
    const allowed = (permission: Permission, topic: string) =>
      grants.some((grant) =>
        grant.permissions.includes(permission) &&
        (!grant.topics && !grant.prefixes || grant.topics?.includes(topic) ||
          grant.prefixes?.some((prefix) => topic.startsWith(prefix)) === true)
      );
    const said = JSON.stringify(grants);
    for (let i = 0; i < 20; i++) {
      const topic = name(1);
      assertEquals(permissions.mayRead(topic), allowed("read", topic), `${topic} ${said}`);
      assertEquals(permissions.mayWrite(topic), allowed("write", topic), `${topic} ${said}`);
      assertEquals(permissions.mayWork(topic), allowed("work", topic), `${topic} ${said}`);
      assertEquals(
        permissions.mayAdministrate(topic, false),
        allowed("admin", topic),
        `${topic} ${said}`,
      );
      const prefix = name(0);
      const covers = (permission: Permission) =>
        grants.some((grant) =>
          grant.permissions.includes(permission) &&
          (!grant.topics && !grant.prefixes ||
            grant.prefixes?.some((granted) => prefix.startsWith(granted)) === true)
        );
      assertEquals(permissions.mayReadAll(prefix), covers("read"), `${prefix} ${said}`);
      assertEquals(permissions.mayWorkOnAll(prefix), covers("work"), `${prefix} ${said}`);
      const { readable } = permissions;
      const ranges = readable?.filter(({ text, isPrefix }) =>
        isPrefix ? topic.startsWith(text) : topic === text
      );
      assertEquals(ranges?.length ?? 1, allowed("read", topic) ? 1 : 0, `${topic} ${said}`);
    }
  }
});
