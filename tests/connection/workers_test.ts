/**
 * Workers on a connection: what they are given, and what becomes of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { turns } from "../support/bridge.ts";
import { workScene } from "../support/work_scene.ts";

Deno.test("a worker gets what waits and what is put later, as much as its credit allows", async () => {
  await using at = await workScene();
  await at.put("a", "b");
  const one = at.peer();
  assertEquals(await one.work("one", { credit: 3 }), { id: 1, sub: 1 });
  await at.put("c", "d");
  assertEquals(one.bodies, ["a", "b", "c"]);
  assertEquals(await one.done("b"), { id: 2 });
  await turns(1);
  assertEquals(one.bodies, ["a", "b", "c", "d"]);
  assertEquals(await one.done("a", "c", "d"), { id: 3 });
  await at.put("e");
  assertEquals(one.bodies.at(-1), "e");
  const { done, held, depth } = await at.group();
  assertEquals({ done, held, depth }, { done: 4, held: 1, depth: 0 });
});

Deno.test("the answer to finish comes before the jobs for which it makes room", async () => {
  await using at = await workScene();
  await at.put("a", "b");
  const one = at.peer();
  await one.work("one", { credit: 1 });
  await turns(1);
  await one.done("a");
  await turns(1);
  const order = one.received.map(({ id, bodies }) => id ?? bodies);
  assertEquals(order, [1, ["a"], 2, ["b"]]);
});

Deno.test("the answer to finish and the jobs for which it makes room share a frame", async () => {
  await using at = await workScene();
  await at.put("a", "b");
  const one = at.peer();
  await one.work("one", { credit: 1 });
  await turns(1);
  let frames = 0;
  const send = one.send.bind(one);
  one.send = (...frame) => {
    frames++;
    return send(...frame);
  };
  await one.done("a");
  await turns(1);
  assertEquals([one.bodies, frames], [["a", "b"], 1]);
});

Deno.test("jobs name their topics where they are of a prefix, how often they were tried, and what was put with them", async () => {
  await using at = await workScene();
  const attributes = JSON.stringify({ key: "k" });
  await at.host.queue.apply([
    { type: "put", topic: "mails.a", body: '"a"', bytes: 3 },
    { type: "put", topic: "other", body: '"no"', bytes: 4 },
    { type: "put", topic: "mails.b", body: '"b"', bytes: 3 + attributes.length, attributes },
  ]);
  const one = at.peer();
  const filter = { topic: undefined, prefix: "mails.", group: "g" };
  await one.work("one", filter);
  await turns(1);
  const [{ claims, times, ...frame }] = one.received.slice(1);
  assertEquals(frame, {
    sub: 1,
    bytes: 6 + attributes.length,
    seqs: [1, 3],
    topics: ["mails.a", "mails.b"],
    bodies: ["a", "b"],
    attributes: [null, { key: "k" }],
  });
  assertEquals(times.length, 2);
  assert(claims[0] < claims[1]);
  await one.ask("finish", { ...filter, outcomes: [{ claim: claims[1], outcome: "retry" }] });
  await turns(1);
  const [{ seqs, attempts }] = one.received.slice(-1);
  assertEquals([seqs, attempts], [[3], [2]]);
});

Deno.test("what becomes of a job is what its worker says", async () => {
  await using at = await workScene();
  await at.put("a", "b", "c", "d");
  const one = at.peer();
  await one.work("one", { attempts: 2 });
  await turns(1);
  await one.finish("a", "retry", { reason: "not now" });
  await one.finish("b", "dead", { reason: "never" });
  await one.finish("c", "release");
  await one.done("d");
  await turns(1);
  assertEquals(one.jobs().slice(4).map(({ body, attempt }) => [body, attempt]), [["a", 2], [
    "c",
    1,
  ]]);
  const { claim } = one.jobs().find(({ body, attempt }) => body === "a" && attempt === 2)!;
  const last = await one.finish("a", "retry", { reason: "still not" });
  assertEquals(last.dead, [claim]);
  const { dead, more } = await one.ask("dead");
  assertEquals(more, false);
  assertEquals(
    // deno-lint-ignore no-explicit-any -- a test looks at what it expects
    dead.map(({ body, attempt, reason }: any) => [body, attempt, reason]),
    [["a", 2, "still not"], ["b", 1, "never"]],
  );
});

Deno.test("a job that is to be retried later comes when its time has come", async () => {
  await using at = await workScene();
  const one = at.peer();
  // It has no place free, so that nobody waits, before it says so.
  await one.work("one", { credit: 1 });
  await turns(1);
  await at.put("a");
  await one.finish("a", "retry", { delay: 130 });
  await at.pass(129);
  assertEquals(one.bodies, ["a"]);
  at.clock.advance(1);
  await turns(1);
  assertEquals(one.bodies, ["a", "a"]);
});

Deno.test("workers of one group take turns, whichever connection they are on", async () => {
  await using at = await workScene();
  const [one, two] = [at.peer(), at.peer()];
  await one.work("a");
  await one.work("b");
  await two.work("c");
  await turns(1);
  for (const body of ["1", "2", "3", "4", "5", "6"]) await at.put(body);
  const bodies = (sub: number) => one.jobs(sub).map(({ body }) => body);
  assertEquals([bodies(1), bodies(2), two.bodies], [["1", "4"], ["2", "5"], ["3", "6"]]);
});

Deno.test("groups of one topic get each message, and readers notice nothing of them", async () => {
  await using at = await workScene();
  const [one, two, reader] = [at.peer(), at.peer(), at.peer()];
  await one.work("a", { group: "one" });
  await two.work("a", { group: "two" });
  await reader.ask("subscribe", { since: "start", messages: 10, bytes: 1000 });
  await at.put("m");
  assertEquals([one.bodies, two.bodies, reader.messages], [["m"], ["m"], ["m"]]);
});

Deno.test("a claim that is named twice makes one place free, and one that is somebody else's makes none", async () => {
  await using at = await workScene();
  await at.put("a", "b", "c", "d");
  const one = at.peer();
  await one.work("one", { credit: 2 });
  await one.work("one", { credit: 1, topic: "u" });
  await turns(1);
  const [a, b] = one.jobs().map(({ claim }) => claim);
  await one.ask("finish", { done: [a, a], outcomes: [{ claim: a, outcome: "release" }] });
  await turns(1);
  assertEquals(one.bodies, ["a", "b", "c"]);
  // The group of another topic: it finishes nothing here.
  await one.ask("finish", { topic: "u", done: [b] });
  await turns(1);
  assertEquals(one.bodies, ["a", "b", "c"]);
});
