import { assertEquals } from "@std/assert";
import { serve } from "../../server.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { FaultyProxy } from "./proxy.ts";
import { RunningRoles } from "./running_roles.ts";
import { until } from "./sleep.ts";
import { ROLES } from "./soak_roles.ts";

/** Resolves once no client is behind; the test itself has a limit. */
async function caughtUp(roles: RunningRoles): Promise<void> {
  await until(() => roles.behind.length === 0, Infinity, 2);
}

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
