/**
 * A client renews its token before that expires, and loses nothing if it comes too late.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError, type Verify } from "@dsmq/server";
import { renewalDelay, TokenRenewal } from "../../client/token_renewal.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { VirtualTime } from "../support/fuzz_time.ts";
import { until } from "../support/bridge.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** The tokens of the hellos that were sent, without those of other requests. */
function renewals(server: ScriptedServer): string[] {
  return server.frames.filter((frame) => frame.includes('"hello"'))
    .flatMap((frame) => JSON.parse(frame).token ?? []);
}

Deno.test("a token is renewed at three quarters of its time and a little later, or five seconds before it expires", () => {
  assertEquals([renewalDelay(100_000, 0), renewalDelay(100_000, 1)], [75_000, 85_000]);
  assertEquals([renewalDelay(20_000, 0), renewalDelay(20_000, 1)], [15_000, 15_000]);
  assertEquals(renewalDelay(6000, 1), 3000);
  // However short it is, a function is not asked all the time.
  assertEquals([renewalDelay(400), renewalDelay(0)], [250, 250]);
});

Deno.test("hello renews the token on the living connection, again and again", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.welcome = { ...WELCOME, tokenExpiresIn: 100_000 };
    let asked = 0;
    await using mq = await connect(server.url, {
      dial: server.dial,
      token: () => `token-${++asked}`,
    });
    assertEquals([asked, renewals(server)], [1, []]);
    await pass(74_000);
    assertEquals(asked, 1);
    await pass(12_000);
    assertEquals([asked, renewals(server)], [2, ["token-2"]]);
    await pass(86_000);
    assertEquals(renewals(server), ["token-2", "token-3"]);
    assertEquals([server.dials, mq.status], [1, "connected"]);
    await mq.close();
    await pass(200_000);
    assertEquals(asked, 3);
  });
});

Deno.test("a token that expires after more than a timer can hold is renewed then, and one that does not is never", async () => {
  const days = 86_400_000;
  using time = new VirtualTime(1);
  const work = async () => {
    let asked = 0;
    const sent: string[] = [];
    const renewal = new TokenRenewal(() => `token-${++asked}`);
    renewal.start(100 * days, { send: (frame) => void sent.push(frame) });
    await pass(2 ** 31 - 1);
    assertEquals(asked, 0);
    while (asked === 0) await pass(days);
    assert(time.now >= 75 * days && time.now <= 87 * days, `${time.now / days}`);
    assertEquals(sent[0], '{"action":"hello","id":1,"token":"token-1"}');
    const { length } = sent;
    renewal.start(undefined, { send: (frame) => void sent.push(frame) });
    await pass(2 ** 31 - 1);
    await pass(2 ** 31 - 1);
    assertEquals([asked, sent.length], [length, length]);
    renewal.stop();
  };
  await time.of(work(), "the test", 400 * days);
});

Deno.test("a renewal that fails, hangs or is refused is tried again, and the connection goes on", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.welcome = { ...WELCOME, tokenExpiresIn: 100_000 };
    let asked = 0;
    const token = () => {
      asked++;
      if (asked === 2) throw new Error("not there");
      return asked === 3 ? new Promise<string>(() => {}) : `token-${asked}`;
    };
    await using mq = await connect(server.url, { dial: server.dial, token });
    await pass(86_000);
    assert(asked >= 2);
    server.silent = true;
    await pass(12_500);
    assertEquals(renewals(server), ["token-4"]);
    // The server refuses it, and then accepts another.
    await server.send({ id: 1, error: { code: "unauthorized", message: "no" } });
    server.silent = false;
    await pass(4000);
    assertEquals(renewals(server), ["token-4", "token-5"]);
    assertEquals([server.dials, mq.status], [1, "connected"]);
    // Later it is renewed again as if nothing had been.
    await pass(86_000);
    assertEquals(renewals(server).length, 3);
    await mq.close();
  });
});

Deno.test("a renewal is given up with its connection: the next one comes with a fresh token", async () => {
  await inVirtualTime(async () => {
    const server = new ScriptedServer();
    server.welcome = { ...WELCOME, tokenExpiresIn: 10_000 };
    const asked: PromiseWithResolvers<string>[] = [];
    const token = () => {
      asked.push(Promise.withResolvers<string>());
      return asked.at(-1)!.promise;
    };
    const connecting = connect(server.url, { dial: server.dial, token });
    asked[0]!.resolve("one");
    await using mq = await connecting;
    await pass(6000);
    assertEquals(asked.length, 2);
    server.hangUp(1006);
    await pass(200);
    assertEquals(asked.length, 3);
    asked[2]!.resolve("three");
    await pass(10);
    assertEquals([server.dials, mq.status], [2, "connected"]);
    asked[1]!.resolve("two");
    await pass(10);
    assertEquals(renewals(server), []);
    await mq.close();
  });
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a client renews its token in time, and its subscription goes on (${transport})`, async () => {
    let asked = 0;
    const verified: string[] = [];
    const verify: Verify = (token) => {
      // The third one lasts, and permits more.
      return verified.push(token) < 3
        ? { permissions: ["read", "write"], expires: Date.now() + 2000, identity: "me" }
        : { permissions: ["read", "write", "admin"], identity: "me" };
    };
    await using server = await openServer({ transport, auth: { verify } });
    const statuses: string[] = [];
    await using mq = await connect(server.url, { token: () => `token-${++asked}` });
    void (async () => {
      for await (const { status } of mq.statusChanges()) statuses.push(status);
    })();
    const stream = mq.subscribe("t");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { body } of stream) if (seen.push(body) === 3) break;
    })();
    for (let i = 1; i <= 3; i++) {
      await until(() => verified.length >= i);
      await mq.put("t", `m${i}`);
    }
    await withTimeout(reading);
    // Then its check is over: a server that stops does not wait for that.
    while (!await mq.connections().then(() => true, () => false));
    assertEquals([seen, statuses], [["m1", "m2", "m3"], ["connected"]]);
    assertEquals(verified, ["token-1", "token-2", "token-3"]);
  });

  Deno.test(`a client whose token has expired comes back with a fresh one, and loses neither puts nor messages (${transport})`, async () => {
    const clock = new ManualClock();
    const verify: Verify = (token) => ({
      permissions: ["read", "write"],
      expires: clock.now() + (token === "short" ? 10_000 : 3_600_000),
      identity: "me",
    });
    await using server = await openServer({ transport, auth: { verify }, clock });
    let asked = 0;
    const token = () => ++asked === 1 ? "short" : "long";
    const reconnect = { minDelay: 0, maxDelay: 10 };
    await using mq = await connect(server.url, { token, reconnect, since: "start" });
    const next = mq.subscribe("t")[Symbol.asyncIterator]();
    await mq.put("t", "m1");
    assertEquals((await withTimeout(next.next())).value?.body, "m1");
    const wait = mq.getWait("w", { timeout: 60_000 });
    // Answered after it: the server has the wait, and the stream.
    assertEquals(await mq.get("x"), "");
    clock.advance(10_000);
    const put = mq.put("t", "m2");
    assert(await withTimeout(put) > 0);
    assertEquals((await withTimeout(next.next())).value?.body, "m2");
    await mq.put("w", "waited for");
    assertEquals(await withTimeout(wait), "waited for");
    assertEquals([asked, server.stats().stored], [2, 3]);
    await next.return!();
  });
}

Deno.test("a client with one token, or one that does not reconnect, ends as unauthorized when that has expired", async () => {
  for (
    const options of [
      { token: "static" },
      { token: "static", reconnect: false },
      { token: () => "asked", reconnect: false },
    ]
  ) {
    const clock = new ManualClock();
    const verify: Verify = () => ({ permissions: ["read"], expires: clock.now() + 10_000 });
    await using server = await openServer({ auth: { verify }, clock });
    await using mq = await connect(server.url, options);
    const wait = mq.getWait("t", { timeout: Infinity });
    assertEquals(await mq.get("u"), "");
    clock.advance(10_000);
    const error = await assertRejects(() => withTimeout(wait), DsmqError);
    assertEquals([error.code, (await mq.closed).code], ["unauthorized", "unauthorized"]);
  }
});
