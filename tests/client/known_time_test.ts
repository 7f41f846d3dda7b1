/**
 * What a server knows by its time: where servers share a log, a purge may be on its way with an earlier time.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { reconnect, until } from "../support/bridge.ts";
import { RawClient } from "../support/raw_client.ts";
import { ServersOnLog } from "../support/servers_on_log.ts";

/** Two servers of one log: one that is up to date, and another whose tail of the log can be held. */
async function twoServers() {
  const servers = await ServersOnLog.open(1);
  let held: PromiseWithResolvers<void> | undefined;
  const late = await servers.add((what) => what === "tail" ? held?.promise : undefined);
  const hold = () => held = Promise.withResolvers();
  const release = () => {
    held?.resolve();
    held = undefined;
  };
  return { servers, early: servers.all[0]!, late, hold, release };
}

/** A WebSocket to this server first, and to any later on, and the heartbeats that came. */
function dialFirst(first: string) {
  const heartbeats: { time: number; asOf?: number }[] = [];
  let isFirst = true;
  const dial = (url: string) => {
    const isTo = url === first || !isFirst;
    isFirst &&= url !== first;
    const socket = new WebSocket(isTo ? url : "ws://127.0.0.1:1", ["dsmq"]);
    socket.addEventListener("message", ({ data }) => {
      if (data.startsWith('{"heartbeat"')) heartbeats.push(JSON.parse(data));
    });
    return socket;
  };
  return { dial, heartbeats };
}

Deno.test("a purge that was on its way to a server is reported by the next one, though the client had a later time of the first", async () => {
  const { servers, early, late, hold, release } = await twoServers();
  await using _ = servers;
  await using admin = await connect(early.url);
  for (const text of ["1", "2"]) await admin.put("t", text);
  const { dial, heartbeats } = dialFirst(late.url);
  const options = { dial, reconnect, since: "start", heartbeatInterval: 1000 } as const;
  await using mq = await connect(servers.urls, options);
  assertEquals([mq.url, await mq.get("t")], [late.url, "1"]);
  hold();
  const before = Date.now();
  await until(() => Date.now() > before);
  await admin.purge("t");
  const purged = Date.now();
  await until(() => (heartbeats.at(-1)?.time ?? 0) > purged);
  servers.cutOff(late);
  await until(() => mq.url === early.url && mq.status === "connected");
  const error = await assertRejects(() => mq.get("t"), DsmqError);
  assertEquals([error.code, await mq.get("t")], ["trimmed", ""]);
  release();
});

Deno.test("hello and heartbeats tell by which time a server knows all, where that is not the present", async () => {
  const { servers, early, late, hold, release } = await twoServers();
  await using _ = servers;
  await using admin = await connect(early.url);
  await using raw = await RawClient.open(late.url);
  hold();
  const before = Date.now();
  await until(() => Date.now() > before);
  await admin.put("t", "later");
  const welcome = await raw.request({ action: "hello", id: 1, heartbeat: 1000 });
  for (const { time, asOf } of [welcome, await raw.next()]) {
    assert(asOf < time && asOf <= before, `${asOf} is not before ${time}`);
  }
  release();
});
