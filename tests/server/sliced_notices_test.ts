/**
 * Notices to thousands of connections are sent in parts, with turns of other work between them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { AccessControl } from "../../auth/access_control.ts";
import { Permissions } from "../../auth/permissions.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { Heartbeats } from "../../connection/heartbeats.ts";
import { Connections } from "../../server/connections.ts";
import { inMemory, testServer, until } from "../support/bridge.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { UPGRADE } from "../support/raw_socket.ts";

/** The counts at each turn of other work, until this count is reached. */
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

Deno.test("heartbeats to thousands are sent in parts, and connections that close meanwhile get none", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const heartbeats = new Heartbeats(host.queue);
  const notified: number[] = [];
  const peers = Array.from({ length: 16 * 1000 }, (_, i) => {
    const sendAll = () => {
      notified.push(i);
      // The time that sending one takes.
      for (const end = performance.now() + 0.05; performance.now() < end;);
    };
    const heartbeat = {
      hadActivity: () => true,
      slack: 0,
      sendHeartbeat: sendAll,
      onHeartbeatTimeout() {},
    };
    return heartbeats.start(heartbeat, 1600);
  });
  clock.advance(100);
  await until(() => notified.length > 0);
  assert(notified.length < 1000, `${notified.length} at once`);
  // A sixteenth is due at a time: the last of them closes.
  const others = new Set(notified.map((i) => i % 16));
  const last = peers.findLastIndex((_, i) => others.has(i % 16));
  peers[last]!();
  await parts(999, () => notified.length);
  assert(!notified.includes(last));
  heartbeats.stop();
});

Deno.test("heartbeats do not wait until all closed connections are cleaned up", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const heartbeats = new Heartbeats(host.queue);
  let [notified, cleared] = [0, 0];
  for (let i = 0; i < 16 * 200; i++) {
    heartbeats.start({
      hadActivity: () => true,
      slack: 0,
      sendHeartbeat: () => void notified++,
      onHeartbeatTimeout() {},
    }, 1600);
  }
  const many = Array.from({ length: 100_000 }, (_, i) => i);
  const all = host.queue.cleanup.forEach(many, many.length, () => {
    cleared++;
    for (const end = performance.now() + 0.01; performance.now() < end;);
  });
  clock.advance(100);
  await until(() => notified === 200);
  assert(cleared < many.length / 2, `${cleared} were cleaned up before`);
  heartbeats.stop();
  host.queue.cleanup.stop();
  await all;
});

Deno.test("streams of topics without permission end in parts, and send nothing meanwhile", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  using peer = new ManualPeer(host);
  const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
  peer.sendFrame(
    ids.map((id) => ({ action: "subscribe", id, topic: "t", messages: 9, bytes: 999 })),
  );
  await peer.request({ action: "heartbeat", id: 9999 });
  const before = peer.received.length;
  peer.connection.permissions = new Permissions("", { prefixes: ["other"] });
  assertEquals(peer.received.length, before);
  peer.sendFrame({ action: "unsubscribe", sub: 1000 });
  using putter = new ManualPeer(host);
  await putter.request({ action: "put", id: 1, topic: "t", body: "not for them" });
  await until(() => peer.received.length === before + 999);
  const ends = peer.received.slice(before);
  assertEquals(ends.map(({ sub }) => sub), ids.slice(0, 999));
  assertEquals(new Set(ends.map(({ error }) => error.code)), new Set(["permission_denied"]));
  assertEquals([host.queue.listenedTopics, host.queue.counts.delivered], [0, 0]);
});

Deno.test("an unchanged token does not check pending waits again", async () => {
  const permissions = new Permissions("one", { prefixes: ["t"] });
  const { mayRead } = permissions;
  let rounds = 0;
  permissions.mayRead = (topic) => (rounds++, mayRead.call(permissions, topic));
  await using host = await testServer(inMemory());
  const check = () => Promise.resolve({ kind: "granted" as const, permissions });
  const accessControl = { check, permissionsOf: () => permissions };
  using peer = new ManualPeer({ ...host, accessControl }, { permissions });
  peer.sendFrame(
    Array.from({ length: 100 }, (_, id) => ({ action: "get_wait", id, topic: `t${id}` })),
  );
  await peer.request({ action: "heartbeat", id: 1000 });
  assert(rounds >= 100);
  rounds = 0;
  for (let id = 1001; id < 1011; id++) await peer.request({ action: "hello", id, token: "again" });
  assertEquals(rounds, 0);
});

Deno.test("when tokens change, thousands of connections are checked again in parts, and closed ones are skipped", async () => {
  const clock = new ManualClock();
  await using host = await testServer(inMemory(clock), clock);
  const accessControl = await AccessControl.create({
    ...{ host: "localhost", secure: false, auth: { tokens: [{ token: "good" }] } },
    ...{ allowedHosts: [], allowedOrigins: [] },
  });
  const options = {
    access: accessControl,
    limits: DEFAULT_LIMITS,
    path: "",
    banner: "",
    peerDropped() {},
    notice() {},
    metrics: () => undefined,
    operation: () => Promise.reject(new Error("nobody asks for it")),
    upgradeChecked() {},
  };
  const connections = new Connections(host, options);
  const closed: number[] = [];
  const headers = { host: "localhost", ...UPGRADE, authorization: "Bearer good" };
  const peerEvents = [];
  for (let i = 0; i < 300; i++) {
    const verdict = await connections.admit(new Request("http://localhost/", { headers }), "::1");
    assert(typeof verdict === "function");
    peerEvents.push(verdict({
      ...{ buffered: 0, hasRoom: () => true, waitForRoom: () => Promise.resolve(), send() {} },
      ...{ drained: () => Promise.resolve(), closeAndStopReading() {}, drop() {} },
      close: (code) => void closed.push(code),
    }));
  }
  let checked = 0;
  const { currentPermissions } = accessControl;
  accessControl.currentPermissions = (permissions) => {
    checked++;
    return currentPermissions.call(accessControl, permissions);
  };
  connections.authChanged();
  assert(checked < 300, "all were checked at once");
  peerEvents.at(-1)!.end();
  await parts(299, () => checked);
  for (const events of peerEvents) events.end();
});
