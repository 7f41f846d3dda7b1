/**
 * Renewals of leases where the store takes long: those of the workers of a connection are under way together.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { MAX_CLAIMS } from "../../protocol/group_limits.ts";
import { Bridge, reconnect, testServer, turns, until } from "../support/bridge.ts";
import { heldJobs } from "../support/held_jobs.ts";
import { HeldStore } from "../support/held_store.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { workerName, workScene } from "../support/work_scene.ts";

/** A store that a test holds, as one over a log. */
class FencedHeldStore extends HeldStore {
  fence(): Promise<void> {
    return Promise.resolve();
  }
}

Deno.test("nothing waits for a renewal: neither that of another worker, nor any other request", async () => {
  await using at = await workScene({ open: (clock) => new FencedHeldStore(["extend"], clock) });
  const store = at.store as HeldStore;
  const peer = at.peer();
  const names = ["one", "two", "three"];
  for (const name of names) await peer.work(name);
  store.hold();
  const answered: string[] = [];
  const asked = names.map((name) =>
    peer.ask("extend", { worker: workerName(name), claims: [] }).then(() => answered.push(name))
  );
  assertEquals((await peer.ask("get")).body, "");
  assertEquals(answered, []);
  store.release();
  await Promise.all(asked);
  assertEquals(answered, names);
});

Deno.test("but very many do, so that a peer cannot make the server hold any number", async () => {
  await using at = await workScene({ open: (clock) => new FencedHeldStore(["extend"], clock) });
  const store = at.store as HeldStore;
  const peer = at.peer();
  await peer.work("one");
  store.hold();
  const claims = Array.from({ length: MAX_CLAIMS / 2 }, (_, i) => i);
  const asked = [1, 2].map(() => peer.ask("extend", { worker: workerName("one"), claims }));
  let isAnswered = false;
  asked.push(peer.ask("get").then(() => isAnswered = true));
  await turns();
  assertEquals(isAnswered, false);
  store.release();
  await Promise.all(asked);
});

/** A store as one over a log, whose every change takes long. */
class SlowStore extends FencedHeldStore {
  override async apply(batch: Parameters<HeldStore["apply"]>[0]) {
    const applied = await super.apply(batch);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return applied as never;
  }
}

Deno.test("eight workers of a client keep their leases of 2 s where each record takes 300 ms, also over a break, and all finish", () =>
  inVirtualTime(async () => {
    await using host = await testServer(new SlowStore([]));
    const bridge = new Bridge(host);
    const mq = await connect(bridge.url, { dial: bridge.dial, reconnect });
    const count = 8;
    await mq.putMany("t", Array.from({ length: count }, (_, i) => `${i}`));
    const jobs = heldJobs();
    const workers = Array.from({ length: count }, () => mq.work("t", jobs.handle, { lease: 2000 }));
    await until(() => jobs.begun.length === count);
    await pass(10_000);
    bridge.cut();
    await pass(10_000);
    assertEquals(jobs.begun.filter(({ signal }) => signal.aborted), []);
    jobs.finish();
    await until(() => workers.every(({ stats }) => stats.done === 1));
    assertEquals(workers.map(({ stats }) => stats.lost), workers.map(() => 0));
    await mq.close();
  }));
