/**
 * A port that has died is opened again.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AddressInfo, createServer } from "node:net";
import { listening } from "../transports/node_listening.ts";
import { Reopening } from "../transports/reopening.ts";
import { virtually } from "./support/virtually.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that can be opened or not, and what is said about it. */
function port() {
  const self = {
    opens: true,
    tries: 0,
    told: [] as string[],
    reopening: new Reopening(() => {
      self.tries++;
      if (!self.opens) throw new Error("too many open files");
    }, { tell: (what) => void self.told.push(what) }),
  };
  return self;
}

Deno.test("a port that has died is opened again, as often as it takes, and at most about once a second", () =>
  virtually(async () => {
    const it = port();
    it.opens = false;
    it.reopening.died("it is a test");
    await pause(1000);
    assert(it.tries > 3, `${it.tries} tries`);
    await pause(60_000);
    assert(it.tries < 75, `${it.tries} tries`);
    it.opens = true;
    const { tries } = it;
    await pause(60_000);
    assertEquals(it.tries, tries + 1);
    it.reopening.stop();
  }));

Deno.test("that a port has died is said once, and that it is well again once it has been for 10 s", () =>
  virtually(async () => {
    const it = port();
    for (let i = 0; i < 50; i++) {
      it.reopening.died("it is a test");
      it.reopening.died("it is a test");
      await pause(2000);
    }
    assertEquals(it.tries, 50);
    assertEquals(it.told.length, 1);
    await pause(10_000);
    assertEquals(it.told, [
      "cannot take connections: it is a test; it goes on as soon as that is over",
      "takes connections again",
    ]);
    it.reopening.died("it is a test");
    assertEquals(it.told.length, 3);
    it.reopening.stop();
    await pause(60_000);
    assertEquals([it.tries, it.told.length], [50, 3]);
  }));

Deno.test("a server of Node that could not listen, however often, has forgotten that once it can", async () => {
  const taken = createServer();
  await listening(taken, { host: "127.0.0.1", port: 0 });
  const { port } = taken.address() as AddressInfo;
  const server = createServer();
  const where = { host: "127.0.0.1", port };
  for (let i = 0; i < 12; i++) await assertRejects(() => listening(server, where), Error);
  assertEquals(["listening", "error"].map((event) => server.listenerCount(event)), [0, 0]);
  await new Promise((resolve) => taken.close(resolve));
  await listening(server, where);
  assertEquals(["listening", "error"].map((event) => server.listenerCount(event)), [0, 0]);
  await new Promise((resolve) => server.close(resolve));
});
