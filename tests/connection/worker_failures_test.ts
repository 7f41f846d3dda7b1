/**
 * Workers whose store fails, and what happens while the store answers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Permissions } from "../../auth/permissions.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Command, type CommandBatch, type Result, StoreError } from "../../stores/store.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import { turns } from "../support/bridge.ts";
import { workerName, workScene } from "../support/work_scene.ts";

/** A store that fails, or answers late, what the test says. */
class FailingStore extends MemoryStore {
  /** Commands of these types fail. */
  failing: readonly Command["type"][] = [];
  /** Commands of this type are done at once, and answered after it. */
  late: { readonly type: Command["type"]; readonly gate: PromiseWithResolvers<void> } | undefined;

  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    const { failing, late } = this;
    if (batch.commands.some(({ type }) => failing.includes(type))) {
      const error = new StoreError("Cannot store: the disk is full", { code: "full" });
      return batch.commands.map(() => error);
    }
    const results = await super.apply(batch);
    if (late && batch.commands.some(({ type }) => type === late.type)) await late.gate.promise;
    return results;
  }
}

async function failingScene() {
  let store!: FailingStore;
  const open = (clock: ManualClock) =>
    store = new FailingStore({ engine: nodeSqlite, retention: 600_000, clock });
  const at = await workScene({ open });
  return { at, store, [Symbol.asyncDispose]: () => at[Symbol.asyncDispose]() };
}

Deno.test("if the store fails to claim, the stream of the worker ends with its error, and it can come back", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  const one = at.peer();
  await one.work("one");
  await turns(1);
  store.failing = ["claim"];
  await at.put("a");
  assertEquals(one.ends, ["full"]);
  assertEquals(one.connection.describe().workers, 0);
  store.failing = [];
  await one.work("one");
  await turns(1);
  assertEquals(one.bodies, ["a"]);
});

Deno.test("if the store fails to finish jobs, their places are free once it does", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  await at.put("a", "b");
  const one = at.peer();
  await one.work("one", { credit: 1 });
  await turns(1);
  store.failing = ["finish"];
  assertEquals((await one.done("a")).error.code, "full");
  await turns(1);
  assertEquals([one.bodies, one.ends], [["a"], ["full"]], "the next claim failed with it");
  store.failing = [];
  const claims = one.jobs().map(({ claim }) => claim);
  await one.work("one", { credit: 1, holding: claims });
  assertEquals((await one.done("a")).error, undefined);
  await turns(1);
  assertEquals(one.bodies, ["a", "b"]);
});

Deno.test("if the store fails to finish jobs and nothing waits, the worker goes on, and each place is free but once", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  await at.put("a", "b");
  const one = at.peer();
  await one.work("one", { credit: 3 });
  await turns(1);
  store.failing = ["finish"];
  assertEquals((await one.done("a", "b")).error.code, "full");
  store.failing = [];
  await one.done("a");
  await at.put("c", "d", "e");
  assertEquals([one.bodies, one.ends], [["a", "b", "c", "d"], []]);
});

Deno.test("if the store fails to open a worker, it has neither a stream nor a slot", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  const one = at.peer();
  store.failing = ["open_holder"];
  const { error } = await one.work("one", { credit: 16_384 });
  assertEquals([error.code, one.connection.describe().subscriptions], ["full", 0]);
  assertEquals(at.host.queue.groups.size, 0);
  store.failing = ["extend"];
  assertEquals((await one.ask("extend", { worker: workerName("one") })).error.code, "full");
  store.failing = [];
  assertEquals((await one.work("one", { credit: 16_384 })).error, undefined);
});

/** Sends a `work` that is answered once the test lets it. */
async function begun() {
  const { at, store } = await failingScene();
  await at.put("a");
  const gate = Promise.withResolvers<void>();
  store.late = { type: "open_holder", gate };
  const one = at.peer();
  one.sendFrame({ action: "work", id: 1, topic: "t", worker: workerName("one"), credit: 10 });
  await turns(1);
  store.late = undefined;
  const answer = async () => {
    gate.resolve();
    await turns(2);
    return one.reply(1)?.error.code;
  };
  return { at, one, answer };
}

Deno.test("a worker that is taken over before it has begun gets that for an answer, and no job", async () => {
  const { at, one, answer } = await begun();
  await using _ = at;
  const two = at.peer();
  await two.work("one");
  assertEquals(await answer(), "session_taken_over");
  assertEquals([one.bodies, two.bodies], [[], ["a"]]);
  assertEquals(one.connection.describe().subscriptions, 0);
});

Deno.test("a worker that may not work any more before it has begun gets that for an answer, and no job", async () => {
  const { at, one, answer } = await begun();
  await using _ = at;
  one.connection.permissions = new Permissions("", {
    permissions: ["read", "work"],
    topics: ["u"],
  });
  assertEquals(await answer(), "permission_denied");
  assertEquals([one.bodies, one.ends, at.host.queue.groups.size], [[], [], 0]);
});

Deno.test("a worker whose connection ends before it has begun leaves nothing behind", async () => {
  const { at, one, answer } = await begun();
  await using _ = at;
  one[Symbol.dispose]();
  await answer();
  assertEquals([one.received, at.host.queue.groups.size], [[], 0]);
  assertEquals(at.host.budgets.usage("totalSubscriptions").used, 0);
});

Deno.test("what is claimed for a worker whose connection has ended meanwhile goes to another at once", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  const [gone, other] = [at.peer(), at.peer()];
  await gone.work("gone", { lease: 3_600_000 });
  await turns(1);
  const gate = Promise.withResolvers<void>();
  store.late = { type: "claim", gate };
  await at.put("a");
  store.late = undefined;
  gone[Symbol.dispose]();
  const working = other.work("other");
  gate.resolve();
  await working;
  await turns(2);
  assertEquals(other.jobs().map(({ body, attempt }) => [body, attempt]), [["a", 1]]);
});

Deno.test("a worker that comes back while jobs are claimed for its older stream holds each of them once", async () => {
  await using scene = await failingScene();
  const { at, store } = scene;
  const [first, again] = [at.peer(), at.peer()];
  await first.work("one");
  await turns(1);
  const gate = Promise.withResolvers<void>();
  store.late = { type: "claim", gate };
  await at.put("a", "b");
  store.late = undefined;
  const reply = again.work("one");
  await turns(1);
  assertEquals(again.received, [], "it waits for the claim");
  gate.resolve();
  await reply;
  await turns(1);
  assertEquals([first.bodies, again.bodies], [[], ["a", "b"]]);
  const { held, depth } = await at.group();
  assertEquals({ held, depth }, { held: 2, depth: 0 });
});
