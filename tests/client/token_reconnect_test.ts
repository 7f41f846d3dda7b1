/**
 * A function that returns the token while a client reconnects: it is asked once a round, and whatever it does, reconnecting
 * ends when it must.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { until } from "../support/bridge.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

const ADDRESSES = ["ws://a.test", "ws://b.test", "ws://c.test"];
const never = () => new Promise<string>(() => {});

/** Connects with the first token; from then on the function is another. */
async function lose(
  server: ScriptedServer,
  later: () => string | Promise<string>,
  options: { timeout: number; minDelay?: number; maxDelay?: number },
) {
  let isFirst = true;
  const token = () => isFirst ? "good" : later();
  const reconnect = { minDelay: 0, maxDelay: 0, ...options };
  const mq = await connect(ADDRESSES, { dial: server.dial, token, reconnect });
  isFirst = false;
  const began = performance.now();
  server.hangUp();
  await until(() => mq.status === "reconnecting");
  return { mq, elapsed: () => performance.now() - began };
}

Deno.test("a function that hangs while reconnecting takes no longer than the time to reconnect, however many addresses there are", async () => {
  await inVirtualTime(async () => {
    for (const timeout of [0, 500, 3000, 25_000]) {
      const server = new ScriptedServer();
      let asked = 0;
      const { mq, elapsed } = await lose(server, () => (asked++, never()), { timeout });
      const { code, reason } = await mq.closed;
      assertEquals([code, server.dials], ["closed", 1]);
      // The last attempt comes when the time is over, and has a second; no other takes more than ten.
      assert(elapsed() >= timeout && elapsed() <= timeout + 1500, `${timeout}: ${elapsed()}`);
      const rounds = Math.max(1, Math.ceil(timeout / 10_000));
      assert(asked >= rounds && asked <= rounds + 1, `${timeout}: ${asked}`);
      assert(/it returned no token within \d+\.\d s/.test(reason), reason);
      for (const address of ADDRESSES) assert(reason.includes(address), reason);
    }
  });
});

Deno.test("a round of attempts over several addresses asks once, and the next one again", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    let asked = 0;
    const { mq } = await lose(server, () => `token-${++asked}`, { timeout: 60_000 });
    await until(() => mq.status === "connected");
    assertEquals([asked, server.dials], [1, 2]);
    server.unreachable = true;
    server.hangUp();
    await until(() => asked >= 4);
    // The first dials are that of connecting and that of the break before.
    await until(() => server.dials >= 2 + 2 * ADDRESSES.length);
    assert(asked <= 1 + Math.ceil((server.dials - 2) / ADDRESSES.length), `${asked}`);
    await mq.close();
  });
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.unreachable = true;
    let asked = 0;
    const token = () => `token-${++asked}`;
    const connecting = connect(ADDRESSES, { dial: server.dial, token, timeout: 1000 });
    await assertRejects(() => connecting, DsmqError);
    assert(asked >= 2 && asked <= Math.ceil(server.dials / ADDRESSES.length), `${asked}`);
  });
});

Deno.test("close ends at once while a function hangs, and what that returns later is not used", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    const later = () => (asked.resolve(), answer.promise);
    const { mq } = await lose(server, later, { timeout: 60_000 });
    await asked.promise;
    const began = performance.now();
    await mq.close();
    assertEquals([performance.now() - began, (await mq.closed).code], [0, "closed"]);
    answer.resolve("late");
    await pass(1000);
    assertEquals([server.dials, server.frames.length], [1, 1]);
  });
  // It may fail later, too: nobody is left to whom that matters.
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    const answer = Promise.withResolvers<string>();
    const { mq } = await lose(server, () => answer.promise, { timeout: 60_000 });
    await pass(100);
    await mq.close();
    answer.reject(new Error("late"));
    await pass(1000);
  });
});

Deno.test("a function that returns no token while reconnecting is asked again, until it does or the time is over", async () => {
  await inVirtualTime(async () => {
    for (const wrong of [undefined, null, "", 5, {}, "a b", "x".repeat(8193)]) {
      const server = new ScriptedServer();
      let asked = 0;
      const recovering = () => ++asked < 4 ? as(wrong) : "good";
      const one = await lose(server, recovering, { timeout: 60_000 });
      await until(() => one.mq.status === "connected");
      assertEquals([asked, server.dials], [4, 2]);
      await one.mq.close();
      const other = new ScriptedServer();
      const { mq, elapsed } = await lose(other, () => as(wrong), { timeout: 1000 });
      const { reason } = await mq.closed;
      assert(reason.includes("it must return 1 to 8192 visible characters of ASCII, got "), reason);
      assert(elapsed() >= 1000 && elapsed() < 1500, `${elapsed()}`);
    }
  });
});

Deno.test("a renewal that hangs until the token has expired ends with the connection, which comes back with another", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.welcome = { ...WELCOME, tokenExpiresIn: 60_000 };
    let asked = 0;
    let hangs = true;
    const token = () => ++asked > 1 && hangs ? never() : `token-${asked}`;
    const mq = await connect(server.url, { dial: server.dial, token });
    await pass(60_000);
    // It was asked after three quarters of the time at the earliest, and after another ten seconds once more.
    assert(asked === 2 || asked === 3, `${asked}`);
    assertEquals([mq.status, server.dials], ["connected", 1]);
    const before = asked;
    hangs = false;
    server.hangUp(4401);
    await until(() => mq.status === "connected" && server.dials === 2);
    assertEquals(asked, before + 1);
    await mq.close();
  });
});
