import { assert, assertEquals } from "@std/assert";
import { serve } from "../../server.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { OpenConnections } from "./open_connections.ts";
import { Pace } from "./pace.ts";
import { FaultyProxy } from "./proxy.ts";
import { RunningRoles } from "./running_roles.ts";
import { until } from "./sleep.ts";
import { type RoleLog, ROLES } from "./soak_roles.ts";
import { STEP_TIMEOUT } from "./soak_steps.ts";

/** Resolves once no client is behind. */
async function caughtUp(roles: RunningRoles): Promise<void> {
  const isOver = await until(() => roles.behind.length === 0, STEP_TIMEOUT, 2);
  assert(isOver, roles.behind.join());
}

/** All that follows at once has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("the clients of a soak do exactly what the steps of the server's time grant, in each run the same", async () => {
  const log = { info() {}, warn: console.error, error: console.error };
  await using server = await serve({ port: 0, log, clock: new ManualClock() });
  await using proxy = new FaultyProxy(server.port);
  const addresses = { url: server.url, cutUrl: proxy.url, port: server.port };
  const { signal } = new AbortController();
  await using roles = new RunningRoles(ROLES, addresses, { signal });
  const steps = 4;
  for (let step = 0; step < steps; step++) {
    roles.grant();
    roles.onChecked();
    await caughtUp(roles);
  }
  await roles.end();
  assertEquals(roles.wrong, []);
  // In a pair each turn puts one to five messages, and at last one more that is not counted.
  const pair = Array.from({ length: 6 * steps }).reduce<number>((n) => n + 1 + n % 5, 0);
  const counts = roles.findings.filter(({ what }) => what.endsWith(": messages"));
  assertEquals(Object.fromEntries(counts.map(({ what, seen }) => [what, seen])), {
    "a putter and a getter: messages": pair,
    "a waiter: messages": pair,
    "a subscriber: messages": pair,
    "a getter, cut off now and then: messages": pair,
    "a subscriber, cut off now and then: messages": pair,
    "a short-lived client: messages": steps,
    "a reader of the latest: messages": 2 * 3 * steps,
    "a client of dsmq 1.x: messages": 2 * steps,
  });
  assertEquals(server.stats().stored, 5 * (pair + 1) + steps + 2 * 3 * steps + steps);
});

Deno.test("the error of a reader is told at once, and its putter goes on", async () => {
  const fail = () => Promise.reject(new Error("broken"));
  const connection = {
    ...{ put: () => Promise.resolve(), get: fail, getWait: fail },
    subscribe: () => ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const connect = () => Promise.resolve(connection);
  const connections = { connect } as unknown as OpenConnections;
  // The others read only what they put themselves, call by call.
  const pairs = Object.entries(ROLES).slice(0, 5);
  for (const [name, { use }] of pairs) {
    const pace = new Pace();
    const log: RoleLog = { put: 0, right: 0, wrong: [] };
    const over = use({ url: "", cutUrl: "", port: 0, connections, pace }, log);
    pace.grant(40);
    await settled();
    assertEquals([log.wrong, pace.done, log.put], [["Error: broken"], 40, 100], name);
    pace.end();
    await over;
    assertEquals(log.wrong.length, 2);
    assert(log.wrong[1]!.endsWith(": 100 were put, 0 arrived"), log.wrong[1]);
  }
});
