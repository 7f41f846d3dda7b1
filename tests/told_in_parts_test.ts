/**
 * What thousands are told at once they are told in parts: others have their turn between two of these.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Door } from "../door/door.ts";
import { Leave } from "../door/leave.ts";
import { digestOf } from "../door/tokens.ts";
import { USUAL_LIMITS } from "../protocol/limits.ts";
import { Pulses } from "../queue/pulses.ts";
import { Sessions } from "../server/sessions.ts";
import { hostOf, inMemory, until } from "./support/bridge.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { ManualPeer } from "./support/manual_peer.ts";
import { UPGRADE } from "./support/knock.ts";

/** How many of something there were each time that others had their turn, until there were as many as that. */
async function parts(all: number, count: () => number): Promise<number[]> {
  const seen: number[] = [];
  const deadline = performance.now() + 10_000;
  while (count() < all && performance.now() < deadline) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(count());
  }
  assertEquals(count(), all);
  return seen;
}

Deno.test("heartbeats to thousands are sent in parts, and those who leave meanwhile get none", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  const pulses = new Pulses(host.queue);
  const told: number[] = [];
  const leaves = Array.from({ length: 16 * 1000 }, (_, i) => {
    const beat = () => {
      told.push(i);
      // As long as it takes to send one.
      for (const end = performance.now() + 0.05; performance.now() < end;);
    };
    const pulse = { wasHeard: () => true, slack: 0, beat, silent() {} };
    return pulses.begin(pulse, 1600);
  });
  clock.advance(100);
  await until(() => told.length > 0);
  assert(told.length < 1000, `${told.length} at once`);
  // Each sixteenth is asked at one time: the last of them leaves.
  const others = new Set(told.map((i) => i % 16));
  const last = leaves.findLastIndex((_, i) => others.has(i % 16));
  leaves[last]!();
  await parts(999, () => told.length);
  assert(!told.includes(last));
  pulses.stop();
});

Deno.test("heartbeats do not wait until all is cleared up that others have left", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  const pulses = new Pulses(host.queue);
  let [told, cleared] = [0, 0];
  for (let i = 0; i < 16 * 200; i++) {
    pulses.begin({ wasHeard: () => true, slack: 0, beat: () => void told++, silent() {} }, 1600);
  }
  const many = Array.from({ length: 100_000 }, (_, i) => i);
  const all = host.queue.chores.each(many, many.length, () => {
    cleared++;
    for (const end = performance.now() + 0.01; performance.now() < end;);
  });
  clock.advance(100);
  await until(() => told === 200);
  assert(cleared < many.length / 2, `${cleared} were cleared up before`);
  pulses.stop();
  host.queue.chores.stop();
  await all;
});

Deno.test("streams of topics that may not be read any more end in parts, and stream nothing meanwhile", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
  peer.tell(ids.map((id) => ({ action: "subscribe", id, topic: "t", messages: 9, bytes: 999 })));
  await peer.ask({ action: "heartbeat", id: 9999 });
  const before = peer.received.length;
  peer.session.leave = new Leave("", { topics: ["other"] });
  assertEquals(peer.received.length, before);
  peer.tell({ action: "unsubscribe", sub: 1000 });
  using putter = new ManualPeer(host);
  await putter.ask({ action: "put", id: 1, topic: "t", message: "not for them" });
  await until(() => peer.received.length === before + 999);
  const ends = peer.received.slice(before);
  assertEquals(ends.map(({ sub }) => sub), ids.slice(0, 999));
  assertEquals(new Set(ends.map(({ error }) => error.code)), new Set(["not_allowed"]));
  assertEquals([host.queue.attended, host.queue.counts.delivered], [0, 0]);
});

Deno.test("a token that is said again has none of those looked at again who wait", async () => {
  const leave = new Leave("one", { topics: ["t"] });
  const { mayRead } = leave;
  let looked = 0;
  leave.mayRead = (topic) => (looked++, mayRead.call(leave, topic));
  await using host = await hostOf(inMemory());
  const door = { digestOf, leaveOf: () => leave };
  using peer = new ManualPeer({ ...host, door }, { leave });
  peer.tell(Array.from({ length: 100 }, (_, id) => ({ action: "get_wait", id, topic: `t${id}` })));
  await peer.ask({ action: "heartbeat", id: 1000 });
  assert(looked >= 100);
  looked = 0;
  for (let id = 1001; id < 1011; id++) await peer.ask({ action: "hello", id, token: "again" });
  assertEquals(looked, 0);
});

Deno.test("where tokens change, thousands of connections are judged again in parts, and those who have left are not", async () => {
  const clock = new ManualClock();
  await using host = await hostOf(inMemory(clock), clock);
  const door = await Door.of({
    ...{ host: "localhost", secure: false, tokens: [{ token: "good" }], anonymous: undefined },
    ...{ allowedHosts: [], allowedOrigins: [] },
  });
  const options = { door, limits: USUAL_LIMITS, banner: "", gaveUp() {}, tell() {} };
  const sessions = new Sessions(host, options);
  const closed: number[] = [];
  const headers = { host: "localhost", ...UPGRADE, authorization: "Bearer good" };
  const visits = [];
  for (let i = 0; i < 300; i++) {
    const verdict = await sessions.admit(new Request("http://localhost/", { headers }), "::1");
    assert(typeof verdict === "function");
    visits.push(verdict({
      ...{ buffered: 0, hasRoom: () => true, room: () => Promise.resolve(), send() {} },
      ...{ drained: () => Promise.resolve(), cutOff() {}, drop() {} },
      close: (code) => void closed.push(code),
    }));
  }
  let judged = 0;
  const { renewed } = door;
  door.renewed = (leave) => {
    judged++;
    return renewed.call(door, leave);
  };
  sessions.tokensChanged();
  assert(judged < 300, "all were judged at once");
  visits.at(-1)!.closed();
  await parts(299, () => judged);
  for (const visit of visits) visit.closed();
});
