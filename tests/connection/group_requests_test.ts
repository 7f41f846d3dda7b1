/**
 * The requests about groups that need no worker.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { turns } from "../support/bridge.ts";
import { workScene } from "../support/work_scene.ts";

Deno.test("groups are listed in their order, page by page, and only those that a client may work on or administer", async () => {
  await using at = await workScene();
  const one = at.peer();
  const filters = [{ topic: "a" }, { topic: "b" }, { topic: undefined, prefix: "a" }];
  for (const filter of filters) {
    for (const group of ["x", "y"]) {
      assertEquals((await one.ask("create_group", { ...filter, group })).created, true);
    }
  }
  await one.work("one", { topic: "b", group: "y" });
  const all = ["a x", "a y", "b x", "b y", "a* x", "a* y"];
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  const named = ({ topic, prefix, group }: any) => `${topic ?? `${prefix}*`} ${group}`;
  const pages = async (count: number, filter: object = { topic: undefined }) => {
    const names: string[] = [];
    for (let after, more = true; more;) {
      const page = await one.ask("groups", { ...filter, after, count });
      assert(page.groups.length <= count);
      names.push(...page.groups.map(named));
      more = page.more;
      const { topic, prefix, group } = page.groups.at(-1) ?? {};
      after = { topic, prefix, group };
    }
    return names;
  };
  for (const count of [1, 2, 4, 250]) assertEquals(await pages(count), all);
  assertEquals(await pages(5, { topic: "b" }), ["b x", "b y"]);
  assertEquals(await pages(5, { topic: undefined, prefix: "a" }), ["a* x", "a* y"]);
  const { groups } = await one.ask("groups", { topic: "b" });
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  assertEquals(groups.map(({ workers }: any) => workers), [0, 1]);
  one.connection.permissions = new Permissions("", [
    { permissions: ["work"], topics: ["a"] },
    { permissions: ["admin"], topics: ["b"] },
  ]);
  for (const count of [1, 3, 250]) assertEquals(await pages(count), all.slice(0, 4));
  one.connection.permissions = new Permissions("", { permissions: ["admin"], prefixes: ["a"] });
  assertEquals(await pages(1), ["a x", "a y", "a* x", "a* y"]);
  one.connection.permissions = new Permissions("", { permissions: ["read", "write"] });
  assertEquals((await one.ask("groups", { topic: undefined })).error.code, "permission_denied");
});

Deno.test("dead jobs are listed page by page, as much at a time as a frame holds", async () => {
  await using at = await workScene();
  const bodies = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(30_000));
  await at.put(...bodies);
  const one = at.peer();
  await one.work("one", { credit: 100 });
  await turns(2);
  for (const body of bodies) await one.finish(body, "dead", { reason: `no ${body.trim()}` });
  const listed: string[] = [];
  for (let after = 0, more = true; more;) {
    const page = await one.ask("dead", { after });
    assert(JSON.stringify(page).length <= 256 * 1024);
    // deno-lint-ignore no-explicit-any -- a test looks at what it expects
    listed.push(...page.dead.map(({ reason }: any) => reason));
    ({ more } = page);
    after = page.dead.at(-1)?.seq ?? 0;
  }
  assertEquals(listed, bodies.map((body) => `no ${body.trim()}`));
  const three = await one.ask("dead", { count: 3 });
  assertEquals([three.dead.length, three.more], [3, true]);
  const last = await one.ask("dead", { count: 3, after: 17 });
  assertEquals([last.dead.length, last.more], [3, false]);
  const { seq } = three.dead[1];
  assertEquals((await one.ask("redrive", { seq })).redriven, 1);
  assertEquals((await one.ask("redrive", { seq })).redriven, 0);
  assertEquals((await one.ask("redrive")).redriven, 19);
  assertEquals((await one.ask("dead")).dead, []);
});

Deno.test("a group begins where it is made to begin, and with all that is retained otherwise", async () => {
  await using at = await workScene();
  await at.put("a", "b");
  await at.pass(1000);
  await at.put("c");
  const one = at.peer();
  const begins: [since: unknown, bodies: string[]][] = [
    [undefined, ["a", "b", "c"]],
    ["start", ["a", "b", "c"]],
    ["now", []],
    [{ after: 1 }, ["b", "c"]],
    [{ after: 1, epoch: at.store.epoch }, ["b", "c"]],
    [{ ago: 500 }, ["c"]],
    [{ time: at.clock.now() - 500 }, ["c"]],
    // It would be a gap: nothing is passed over for that.
    [{ after: 1, epoch: "of another history" }, ["a", "b", "c"]],
  ];
  for (const [i, [since, expected]] of begins.entries()) {
    const group = `g${i}`;
    if (i % 2 === 0) await one.ask("create_group", { group, since });
    const { sub } = await one.work("one", { group, since });
    await turns(1);
    assertEquals(one.jobs(sub).map(({ body }) => body), expected, JSON.stringify(since));
  }
});

Deno.test("who works on a group that is deleted is told so, and what the group had is gone", async () => {
  await using at = await workScene();
  await at.put("a");
  const [one, other] = [at.peer(), at.peer()];
  await one.work("one");
  await turns(1);
  assertEquals(await other.ask("delete_group"), { id: 1, deleted: true });
  assertEquals(one.ends, ["not_found"]);
  assertEquals(await other.ask("delete_group"), { id: 2, deleted: false });
  assertEquals((await one.done("a")).error.code, "not_found");
  assertEquals((await other.ask("groups", { topic: undefined })).groups, []);
  await one.work("one");
  await turns(1);
  assertEquals(one.bodies, ["a", "a"], "a new group of this name begins anew");
});

Deno.test("there are no more groups than the limit", async () => {
  await using at = await workScene({ limits: { groups: 1 } });
  const one = at.peer();
  await one.work("one");
  const { error } = await one.work("one", { group: "another" });
  assertEquals([error.code, error.limit], ["limit_exceeded", 1]);
  assertEquals((await one.ask("create_group", { topic: "u" })).error.code, "limit_exceeded");
  assertEquals(at.host.queue.groups.size, 1);
});
