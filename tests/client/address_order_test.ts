/**
 * The order in which the addresses of a queue are tried, and when: clients spread over its servers, and leave one for another.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ScriptedServers } from "../support/scripted_servers.ts";

/** A client that reconnects soon. */
const RECONNECT = { minDelay: 1, maxDelay: 5 };

/** The longest first delay, in milliseconds. */
const JITTER = 100;

/** Three servers, and a client at one of them, with the default delays. The first can be reached at first. */
async function connected() {
  const servers = new ScriptedServers(3);
  servers.all.forEach((server, i) => server.unreachable = i > 0);
  const mq = await connect(servers.urls, { dial: servers.dial });
  for (const server of servers.all) server.unreachable = false;
  servers.taken();
  const present = () => servers.indexOf(mq.url);
  return { servers, mq, present, others: () => [0, 1, 2].filter((i) => i !== present()) };
}

/** Lets the virtual time pass in which a client reconnects. */
async function reconnected(mq: Connection, within = JITTER + 1): Promise<void> {
  await pass(within);
  assertEquals(mq.status, "connected");
}

Deno.test("clients spread over all addresses: which is tried first, and which next, is chance", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(3);
    const orders = new Map<string, number>();
    for (let i = 0; i < 240; i++) {
      for (const server of servers.all) server.unreachable = true;
      const options = { dial: servers.dial, timeout: 1, reconnect: false };
      await assertRejects(() => connect(servers.urls, options), DsmqError);
      const order = servers.taken().join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    // Each of the six orders 40 times, give or take.
    assertEquals([...orders.keys()].sort(), ["012", "021", "102", "120", "201", "210"]);
    for (const [order, count] of orders) assert(count > 20 && count < 60, `${order}: ${count}`);
  }));

for (const code of [1001, 1006, 1011, 1012, 1013, 4408, 4410]) {
  Deno.test(`after a close with ${code} another address is tried first, and soon`, () =>
    inVirtualTime(async () => {
      const nexts = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const { servers, mq, present, others } = await connected();
        const [before, candidates] = [present(), others()];
        const begin = performance.now();
        servers.all[before]!.hangUp(code);
        await reconnected(mq);
        const [{ server, at }] = servers.dials as [{ server: number; at: number }];
        assert(candidates.includes(server) && at - begin <= JITTER, `${server} of ${candidates}`);
        assertEquals([present(), servers.dials.length], [server, 1]);
        nexts.add(`${candidates.indexOf(server)}`);
        await mq.close();
      }
      // Not all clients of one server go to the same other.
      assertEquals(nexts.size, 2);
    }));
}

Deno.test("the address that was lost comes last, right behind the others", () =>
  inVirtualTime(async () => {
    const { servers, mq, present, others } = await connected();
    const [before, candidates] = [present(), others()];
    for (const i of candidates) servers.all[i]!.unreachable = true;
    servers.all[before]!.hangUp(1013);
    await reconnected(mq);
    const times = servers.dials.map(({ at }) => at);
    assertEquals(new Set(times).size, 1, "one after the other, without a delay");
    const tried = servers.taken();
    assertEquals([tried.slice(0, 2).sort(), tried[2], present()], [candidates, before, before]);
    await mq.close();
  }));

Deno.test("so it is at each break, wherever the client had come to, and the others are in random order again", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(3);
    servers.all[1]!.unreachable = true;
    const mq = await connect(servers.urls, { dial: servers.dial });
    const orders = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const lost = servers.indexOf(mq.url);
      servers.taken();
      // Long enough for the delays to begin anew, and something was answered.
      const getting = mq.get("t");
      await servers.all[lost]!.reply(await servers.all[lost]!.next());
      await getting;
      await pass(1001);
      servers.all.forEach((server, j) => server.unreachable = j !== lost && Math.random() < 0.5);
      servers.all[lost]!.hangUp();
      await reconnected(mq);
      const tried = servers.taken();
      assertEquals([new Set(tried).size, tried.indexOf(lost)], [
        tried.length,
        tried.length < 3 ? -1 : 2,
      ]);
      orders.add(`${lost}${tried[0]}`);
    }
    assertEquals([...orders].sort(), ["01", "02", "10", "12", "20", "21"]);
    await mq.close();
  }));

Deno.test("where none answers, delays grow from round to round, and each round tries all once", () =>
  inVirtualTime(async () => {
    const { servers, mq, present } = await connected();
    for (const server of servers.all) server.unreachable = true;
    servers.all[present()]!.hangUp();
    await pass(120_000);
    const { dials } = servers;
    const rounds = Array.from(
      { length: Math.floor(dials.length / 3) },
      (_, i) => dials.slice(3 * i, 3 * i + 3),
    );
    for (const round of rounds) {
      assertEquals(round.map(({ server }) => server).sort(), [0, 1, 2]);
      assertEquals(new Set(round.map(({ at }) => at)).size, 1);
    }
    // Random up to 5 s in the end: some 48 rounds, and a few more at the beginning.
    assert(rounds.length > 30 && rounds.length < 75, `${rounds.length} rounds`);
    await mq.close();
  }));

Deno.test("servers that take a client and say at once that they are behind are asked ever less often, each in its turn", () =>
  inVirtualTime(async () => {
    const { servers, mq, present } = await connected();
    const dial = servers.all.map((server) => server.dial);
    servers.all.forEach((server, i) => {
      Object.assign(server, {
        dial: () => {
          setTimeout(() => server.hangUp(1013), 50);
          return dial[i]!();
        },
      });
    });
    const waiting = mq.getWait("t", { timeout: 300_000 }).catch(() => {});
    servers.all[present()]!.hangUp(1013);
    await pass(120_000);
    const tried = servers.taken();
    for (let i = 3; i < tried.length; i++) {
      assertEquals(new Set(tried.slice(i - 2, i + 1)).size, 3, `${tried.slice(i - 3, i + 1)}`);
    }
    assert(tried.length > 90 && tried.length < 240, `${tried.length} tries`);
    const closing = mq.close();
    await pass(20_000);
    await Promise.all([closing, waiting]);
  }));

Deno.test("an address that never answers holds up the others for a second, at first and after a break", () =>
  inVirtualTime(async () => {
    for (let i = 0; i < 10; i++) {
      const servers = new ScriptedServers(3);
      const [alive, ...dead] = [0, 1, 2].map((j) => servers.all[(i + j) % 3]!);
      for (const server of dead) server.stuck = true;
      const begin = performance.now();
      const mq = await connect(servers.urls, { dial: servers.dial, reconnect: RECONNECT });
      const dials = servers.taken();
      assertEquals(Math.round((performance.now() - begin) / 1000), dials.length - 1);
      assertEquals(mq.url, servers.urls[i % 3]);
      alive!.hangUp();
      // Both are tried before it.
      await pass(2000 + RECONNECT.minDelay);
      assertEquals([mq.status, servers.taken().at(-1)], ["connected", i % 3]);
      await mq.close();
    }
  }));

Deno.test("a server that takes longer than that is still reached: it gets more time in each round", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(2);
    for (const server of servers.all) {
      const dial = server.dial;
      Object.assign(server, {
        dial: () => {
          const socket = dial();
          const send = socket.send.bind(socket);
          const { dials } = server;
          // Not what an earlier attempt had sent.
          const sendLate = (data: string) => dials === server.dials && send(data);
          socket.send = (data) => void setTimeout(() => sendLate(data as string), 2500);
          return socket;
        },
      });
    }
    const mq = await connect(servers.urls, { dial: servers.dial });
    assertEquals([mq.status, servers.taken().length], ["connected", 5]);
    const closing = mq.close();
    await pass(10_000);
    await closing;
  }));

Deno.test("one address alone has the whole time of an attempt", () =>
  inVirtualTime(async () => {
    const servers = new ScriptedServers(1);
    servers.all[0]!.stuck = true;
    const options = { dial: servers.dial, timeout: 9000, reconnect: false };
    await assertRejects(() => connect(servers.urls, options), DsmqError, "nothing answers there");
    assertEquals(servers.dials.length, 2);
  }));
