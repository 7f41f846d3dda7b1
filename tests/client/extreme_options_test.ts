/**
 * Options at their extremes: waits of any length, and delays of 0.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ScriptedServer } from "../support/scripted_server.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

Deno.test("a wait of any length continues beyond the longest that a server can be asked for", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, reconnect: false });
    for (const timeout of [Infinity, 1e12]) {
      const wait = mq.getWait("t", { timeout });
      for (let i = 0; i < 3; i++) {
        const request = await script.next();
        assertEquals(request.timeout, 2 ** 31 - 1);
        await pass(1500);
        if (i < 2) await script.reply(request);
        else await script.reply(request, { seq: timeout === Infinity ? 1 : 2, body: "there" });
      }
      assertEquals(await wait, "there");
    }
    await mq.close();
  }));

Deno.test("delays grow, also from a first one of 0", () =>
  inVirtualTime(async () => {
    for (const reconnect of [{ minDelay: 0 }, { minDelay: 0, maxDelay: 64 }]) {
      const script = new ScriptedServer();
      const mq = await connect(script.url, { dial: script.dial, reconnect });
      script.unreachable = true;
      script.hangUp();
      await pass(60_000);
      const { maxDelay = 5000 } = reconnect as { maxDelay?: number };
      // Delays are random up to their length: about twice as many as of the longest, and those on the way there.
      const max = 4 * 60_000 / maxDelay + 2 * Math.log2(maxDelay);
      assert(script.dials > 5 && script.dials < max, `${script.dials} of ${max}`);
      await mq.close();
    }
  }));

Deno.test("even without delays a server that is away is not retried in a busy loop", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, {
      dial: script.dial,
      reconnect: { minDelay: 0, maxDelay: 0 },
    });
    script.unreachable = true;
    script.hangUp();
    await pass(5000);
    assert(script.dials > 16 && script.dials <= 520, `${script.dials}`);
    await mq.close();
  }));
