/**
 * A port that has died is opened again.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AddressInfo, createServer } from "node:net";
import { startListening } from "../../transports/node_start_listening.ts";
import { PortReopener } from "../../transports/port_reopener.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that can be opened or not, and its log. */
function port() {
  const self = {
    opens: true,
    attempts: 0,
    logged: [] as string[],
    reopening: new PortReopener(() => {
      self.attempts++;
      if (!self.opens) throw new Error("too many open files");
    }, { report: (what) => void self.logged.push(what) }),
  };
  return self;
}

Deno.test("a dead port is opened again, as often as necessary, and at most about once a second", () =>
  inVirtualTime(async () => {
    const it = port();
    it.opens = false;
    it.reopening.onPortFailed("it is a test");
    await pause(1000);
    assert(it.attempts > 3, `${it.attempts} tries`);
    await pause(60_000);
    assert(it.attempts < 75, `${it.attempts} tries`);
    it.opens = true;
    const { attempts } = it;
    await pause(60_000);
    assertEquals(it.attempts, attempts + 1);
    it.reopening.stop();
  }));

Deno.test("a dead port is logged once, and its recovery after 10 s", () =>
  inVirtualTime(async () => {
    const it = port();
    for (let i = 0; i < 50; i++) {
      it.reopening.onPortFailed("it is a test");
      it.reopening.onPortFailed("it is a test");
      await pause(2000);
    }
    assertEquals(it.attempts, 50);
    assertEquals(it.logged.length, 1);
    await pause(10_000);
    assertEquals(it.logged, [
      "cannot accept connections: it is a test; it continues as soon as that is over",
      "accepts connections again",
    ]);
    it.reopening.onPortFailed("it is a test");
    assertEquals(it.logged.length, 3);
    it.reopening.stop();
    await pause(60_000);
    assertEquals([it.attempts, it.logged.length], [50, 3]);
  }));

Deno.test("a server of Node that could not listen, however often, keeps nothing of that once it can", async () => {
  const blocker = createServer();
  await startListening(blocker, { host: "127.0.0.1", port: 0 });
  const { port } = blocker.address() as AddressInfo;
  const server = createServer();
  const where = { host: "127.0.0.1", port };
  for (let i = 0; i < 12; i++) await assertRejects(() => startListening(server, where), Error);
  assertEquals(["listening", "error"].map((event) => server.listenerCount(event)), [0, 0]);
  await new Promise((resolve) => blocker.close(resolve));
  await startListening(server, where);
  assertEquals(["listening", "error"].map((event) => server.listenerCount(event)), [0, 0]);
  await new Promise((resolve) => server.close(resolve));
});
