/**
 * How workers come back, and how they end: with their connection, by another one, by their lease, or by their permissions.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { turns, until } from "../support/bridge.ts";
import { type ReceivedJob, workerName, workScene } from "../support/work_scene.ts";

Deno.test("a worker that comes back is told which claims are lost, and what it does not know of", async () => {
  await using at = await workScene();
  await at.put("a", "b", "c");
  const first = at.peer();
  await first.work("one", { credit: 2 });
  await turns(1);
  const [a, b] = first.jobs().map(({ claim }) => claim);
  first[Symbol.dispose]();
  const other = at.peer();
  await other.work("other", { credit: 1 });
  await turns(1);
  assertEquals(other.bodies, ["c"], "the others are held, though their connection is gone");
  const again = at.peer();
  assertEquals((await again.work("one", { credit: 2, holding: [a, 7] })).lost, [7]);
  await turns(1);
  assertEquals(again.jobs().map(({ claim, body }) => [claim, body]), [[b, "b"]]);
  await at.put("d");
  assertEquals(again.bodies, ["b"], "what it holds counts, also what it has said itself");
  await again.ask("finish", { done: [a] });
  await turns(1);
  assertEquals(again.bodies, ["b", "d"]);
});

Deno.test("a second stream of a worker takes over, on the same connection and on another", async () => {
  await using at = await workScene();
  const [first, second] = [at.peer(), at.peer()];
  await first.work("one");
  await first.work("one");
  assertEquals(first.received.map(({ id, sub, error }) => [id, sub, error?.code]), [
    [1, 1, undefined],
    [undefined, 1, "session_taken_over"],
    [2, 2, undefined],
  ]);
  await second.work("one");
  assertEquals(first.ends, ["session_taken_over", "session_taken_over"]);
  await at.put("a");
  assertEquals([first.bodies, second.bodies], [[], ["a"]]);
  // The older stream's end has not ended the newer one.
  first[Symbol.dispose]();
  await at.put("b");
  assertEquals(second.bodies, ["a", "b"]);
});

Deno.test("workers of the same name in other groups, and on other topics, have nothing to do with each other", async () => {
  await using at = await workScene();
  const one = at.peer();
  await one.work("one");
  await one.work("one", { group: "two" });
  await one.work("one", { topic: "u" });
  await one.work("one", { topic: undefined, prefix: "t" });
  assertEquals(one.ends, []);
});

Deno.test("who unsubscribes gets no more jobs, keeps those that it has, and may finish them", async () => {
  await using at = await workScene();
  await at.put("a", "b");
  const [one, other] = [at.peer(), at.peer()];
  await one.work("one", { credit: 1 });
  await turns(1);
  assertEquals(await one.ask("unsubscribe", { sub: 1 }), { id: 2 });
  await other.work("other");
  await at.put("c");
  assertEquals([one.bodies, other.bodies], [["a"], ["b", "c"]]);
  assertEquals(await one.done("a"), { id: 3 });
  const { done, held } = await at.group();
  assertEquals({ done, held }, { done: 1, held: 2 });
});

Deno.test("a worker without jobs is forgotten with its connection; one that has some goes on once it is back", async () => {
  await using at = await workScene();
  const [idle, busy] = [at.peer(), at.peer()];
  await idle.work("idle", { lease: 3_600_000 });
  assertEquals(at.store.holdsJobs, true);
  idle[Symbol.dispose]();
  await turns(1);
  assertEquals(at.store.holdsJobs, false);
  await busy.work("busy", { credit: 2 });
  await at.put("a");
  busy[Symbol.dispose]();
  await turns(1);
  assertEquals(at.store.holdsJobs, true);
  const again = at.peer();
  await again.work("busy", { credit: 2 });
  await at.put("b");
  assertEquals(again.bodies, ["a", "b"]);
});

Deno.test("a worker that is silent for longer than its lease has lost its jobs, and is told so", async () => {
  await using at = await workScene();
  await at.put("a");
  const [silent, other] = [at.peer(), at.peer()];
  await silent.work("silent", { lease: 2000 });
  await turns(1);
  await other.work("other", { lease: 60_000 });
  await at.pass(1500);
  assertEquals(await silent.ask("extend", { worker: workerName("silent") }), { id: 2 });
  await at.pass(1500);
  assertEquals(other.bodies, [], "its lease was renewed");
  await at.pass(1000);
  assertEquals(other.jobs().map(({ body, attempt }) => [body, attempt]), [["a", 2]]);
  const { claim } = silent.jobs()[0]!;
  assertEquals((await silent.ask("finish", { done: [claim] })).lost, [claim]);
  const late = await silent.ask("extend", { worker: workerName("silent"), claims: [claim] });
  assertEquals([late.lost, late.ended], [[claim], true]);
  assertEquals(silent.ends, ["lease_lost"]);
  assertEquals((await silent.work("silent", { holding: [claim] })).lost, [claim]);
});

Deno.test("a worker whose lease has ended is told so when a job would be its own", async () => {
  await using at = await workScene();
  const [silent, other] = [at.peer(), at.peer()];
  await silent.work("silent", { lease: 1000 });
  await other.work("other", { lease: 60_000 });
  await at.pass(2000);
  assertEquals(silent.ends, []);
  await at.put("a");
  assertEquals([silent.ends, silent.bodies, other.bodies], [["lease_lost"], [], ["a"]]);
});

Deno.test("a job that takes longer than its timeout goes to another, however often its lease is renewed", async () => {
  await using at = await workScene();
  await at.put("a");
  const [slow, other] = [at.peer(), at.peer()];
  await slow.work("slow", { timeout: 3000, lease: 2000, credit: 1 });
  await turns(1);
  await other.work("other", { lease: 60_000, credit: 1 });
  for (let i = 0; i < 4; i++) {
    await at.pass(1000);
    await slow.ask("extend", { worker: workerName("slow") });
  }
  assertEquals(other.bodies, ["a"]);
  const { claim } = slow.jobs()[0]!;
  assertEquals((await slow.ask("extend", { claims: [claim] })).lost, [claim]);
  // Its place is free with that.
  await at.put("b");
  assertEquals([slow.bodies, slow.ends], [["a", "b"], []]);
});

Deno.test("a worker that may not work on its topic any more ends, and its jobs go to others when its lease ends", async () => {
  await using at = await workScene();
  await at.put("a");
  const [one, other] = [at.peer(), at.peer()];
  await one.work("one", { lease: 1000 });
  await one.work("two", { topic: "u" });
  await turns(1);
  one.connection.permissions = new Permissions("", { permissions: ["work"], topics: ["u"] });
  assertEquals(one.ends, ["permission_denied"]);
  assertEquals((await one.ask("finish", { done: [1] })).error.code, "permission_denied");
  assertEquals((await one.work("one")).error.code, "permission_denied");
  await other.work("other", { lease: 60_000 });
  await at.pass(2000);
  assertEquals(other.bodies, ["a"]);
  await at.putInto("u", "b");
  assertEquals(one.bodies, ["a", "b"]);
});

Deno.test("what a worker was given it may finish and give back, once, also if it may not work on its topic any more", async () => {
  await using at = await workScene();
  await at.put("a", "b", "c");
  const [one, other] = [at.peer(), at.peer()];
  await one.work("one", { credit: 2, lease: 60_000 });
  await other.work("other", { credit: 1, lease: 60_000 });
  await turns(1);
  one.connection.permissions = new Permissions("", { permissions: ["work"], topics: ["u"] });
  assertEquals(one.ends, ["permission_denied"]);
  const { claim } = other.jobs()[0]!;
  const done = one.jobs().map(({ claim }) => claim);
  const denied = await one.ask("finish", { done: [...done, claim] });
  assertEquals(denied.error.code, "permission_denied", "one of them was given to somebody else");
  assertEquals(await one.done("a"), { id: 3 });
  assertEquals(await one.finish("b", "release"), { id: 4 });
  assertEquals((await one.done("a")).error.code, "permission_denied");
  await other.done("c");
  await turns(1);
  assertEquals(other.bodies, ["c", "b"]);
  assertEquals((await at.group()).done, 2);
});

Deno.test("who may not work on a topic cannot finish there what it was given of another, nor nothing", async () => {
  await using at = await workScene();
  await at.put("a");
  await at.host.queue.groups.apply([
    { type: "create_group", name: { topic: "secret", group: "default" } },
  ]);
  const one = at.peer();
  await one.work("one");
  await turns(1);
  const [{ claim }] = one.jobs() as [ReceivedJob];
  one.connection.permissions = new Permissions("", { permissions: ["work"], topics: ["t"] });
  for (const topic of ["secret", "nothing"]) {
    for (const done of [[], [claim]]) {
      const { error } = await one.ask("finish", { topic, done });
      assertEquals(error?.code, "permission_denied", `${topic} ${done}`);
    }
  }
  assertEquals((await one.done("a")).error, undefined);
});

Deno.test("a worker that had thousands of jobs may finish all of them, each once, though it may not work any more", async () => {
  await using at = await workScene();
  const bodies = Array.from({ length: 3000 }, (_, i) => `${i}`);
  await at.put(...bodies);
  const one = at.peer();
  await one.work("one", { credit: 1500, lease: 60_000 });
  await one.work("two", { credit: 1500, lease: 60_000 });
  await until(() => one.bodies.length === bodies.length);
  one.connection.permissions = new Permissions("", { permissions: ["work"], topics: ["u"] });
  await until(() => one.ends.length === 2);
  assertEquals((await one.done(...bodies)).error, undefined);
  assertEquals((await at.group()).done, bodies.length);
  assertEquals((await one.done("1")).error.code, "permission_denied");
});
