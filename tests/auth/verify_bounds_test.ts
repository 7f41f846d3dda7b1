/**
 * However many clients bring tokens that have to be checked, and however long that takes: few checks run at a time, each
 * client gets an answer in time, and nobody can hold all places.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { TokenCheck } from "../../auth/auth.ts";
import { Budget } from "../../budgets/budget.ts";
import { OptionChecks } from "../../server/option_checks.ts";
import { AskingVerifier } from "../../server/token_verifier.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { headers } from "./auth_support.ts";
import { until } from "../support/bridge.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("one client gets at most half of the places for checks, and a check that never ends keeps its own", async () => {
  const clock = new ManualClock();
  const faults: string[] = [];
  const answers: ((grant: undefined) => void)[] = [];
  const verifier = await AskingVerifier.create(
    { verify: () => new Promise<undefined>((resolve) => answers.push(resolve)) },
    {
      ...{
        clock,
        log: { write() {} },
        remoteKeys: new NameMap<never>(),
        timeout: 5000,
        running: new Budget({ own: 0, shared: 16 }),
      },
      nameOf: (option) => option,
      onFault: (sentence) => void faults.push(sentence),
    },
    new OptionChecks(),
    undefined,
  );
  const settled: TokenCheck[] = [];
  const check = (holder: string) =>
    void verifier.check("token", holder).then((result) => settled.push(result));
  for (let i = 0; i < 20; i++) check("@attacker");
  await until(() => settled.length === 12);
  assertEquals(answers.length, 8);
  check("@honest");
  await until(() => answers.length === 9);
  const kinds = () =>
    Object.entries(Object.groupBy(settled, ({ kind }) => kind))
      .map(([kind, all]) => [kind, all!.length]);
  assertEquals(kinds(), [["unchecked", 12]]);
  clock.advance(5000);
  await until(() => settled.length === 21);
  assertEquals(kinds(), [["unchecked", 21]]);
  assertEquals(faults.length, 9);
  // All of them still run.
  check("@attacker");
  await until(() => settled.length === 22);
  assertEquals(answers.length, 9);
  for (const answer of answers.splice(0)) answer(undefined);
  await new Promise((resolve) => setTimeout(resolve));
  check("@attacker");
  await until(() => answers.length === 1);
  answers[0]!(undefined);
  await until(() => settled.length === 23);
  assertEquals(settled.at(-1)!.kind, "refused");
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`requests whose token is being checked wait among the pending connections, and end with the server (${transport})`, async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const server = await openServer({
      transport,
      auth: { verify: () => promise },
      limits: { pendingConnections: 2, authTimeout: 60_000 },
    });
    const upgrade = () => RawClient.handshake(server.port, headers(server.port, "slow"));
    const first = upgrade();
    await until(() => server.stats().pendingConnections === 1);
    // A server that stops may close a connection before the response is out.
    const others = [upgrade(), upgrade()].map((one) => one.catch(() => undefined));
    // Of one address the oldest gives way.
    using evicted = await withTimeout(first);
    assertEquals(evicted.status, 503);
    assert(evicted.received.join().includes("too many connections wait to be admitted"));
    await until(() => server.stats().pendingConnections === 2);
    await withTimeout(server.shutdown());
    for (const other of others) {
      using refused = await withTimeout(other);
      assert(refused === undefined || refused.status === 503, `${refused?.status}`);
    }
    resolve(undefined);
  });
}
