import { assert, assertEquals } from "@std/assert";
import { Socket } from "node:net";
import { TimedOutRequests } from "../../transports/node_timed_out_requests.ts";
import { Pacer } from "../../transports/pacer.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

Deno.test("of thousands of simultaneous connections, a few are accepted in each turn of the event loop, in order of arrival", () =>
  inVirtualTime(async () => {
    let pending: (() => void) | undefined;
    const pace = new Pacer((callback) => {
      assertEquals(pending, undefined);
      pending = callback;
    });
    const received: number[] = [];
    const all = Promise.all(Array.from({ length: 3000 }, async (_, i) => {
      const turn = pace.wait();
      if (turn) await turn;
      received.push(i);
    }));
    // Nothing else accepts them, however long that takes.
    await pass(5);
    for (let max = 8; pending; max += 8) {
      assertEquals(received.length, Math.min(max, 3000));
      const afterLook = pending;
      pending = undefined;
      afterLook();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    assertEquals(received, Array.from({ length: 3000 }, (_, i) => i));
  }));

Deno.test("a single connection does not wait, however many came before", () =>
  inVirtualTime(async () => {
    const pace = new Pacer();
    await Promise.all(Array.from({ length: 100 }, () => pace.wait()));
    await pass(20);
    for (let i = 0; i < 8; i++) assertEquals(pace.wait(), undefined);
  }));

Deno.test("who comes after an answer does not wait for those that passed before it", () =>
  inVirtualTime(async () => {
    const pace = new Pacer(() => {});
    for (let i = 0; i < 8; i++) assertEquals(pace.wait(), undefined);
    const answeredAt = performance.now();
    await pass(1);
    for (let i = 0; i < 8; i++) assertEquals(pace.wait(answeredAt), undefined);
    assert(pace.wait(answeredAt));
  }));

Deno.test("a late request is ended once, in its turn, and known to be late before", () =>
  inVirtualTime(async () => {
    const late = new TimedOutRequests();
    const ended: number[] = [];
    const sockets = Array.from({ length: 20 }, () => new Socket());
    for (const socket of [...sockets, ...sockets]) {
      late.add(socket, () => void ended.push(sockets.indexOf(socket)));
    }
    assertEquals(sockets.map((socket) => late.has(socket)), sockets.map(() => true));
    assertEquals([ended.length < 20, late.has(new Socket())], [true, false]);
    await pass(50);
    assertEquals(ended, sockets.map((_, i) => i));
  }));
