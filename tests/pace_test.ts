import { assertEquals } from "@std/assert";
import { Socket } from "node:net";
import { LateRequests } from "../transports/node_late.ts";
import { Pace } from "../transports/pace.ts";

Deno.test("of thousands that come at once a few are received between two turns of others, in the order in which they came", async () => {
  const pace = new Pace();
  const received: number[] = [];
  let most = 0;
  let before = 0;
  const others = setInterval(() => {
    most = Math.max(most, received.length - before);
    before = received.length;
  }, 0);
  await Promise.all(Array.from({ length: 3000 }, async (_, i) => {
    const turn = pace.turn();
    if (turn) await turn;
    received.push(i);
  }));
  clearInterval(others);
  assertEquals(received, Array.from({ length: 3000 }, (_, i) => i));
  // Timers of others may fall behind a little on a busy machine.
  assertEquals(most <= 200, true, `${most} at once`);
});

Deno.test("one who comes alone does not wait, however many came before", async () => {
  const pace = new Pace();
  await Promise.all(Array.from({ length: 100 }, () => pace.turn()));
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (let i = 0; i < 8; i++) assertEquals(pace.turn(), undefined);
});

Deno.test("one whose request is late is ended once, in its turn, and known to be late before", async () => {
  const late = new LateRequests();
  const ended: number[] = [];
  const sockets = Array.from({ length: 20 }, () => new Socket());
  for (const socket of [...sockets, ...sockets]) {
    late.add(socket, () => void ended.push(sockets.indexOf(socket)));
  }
  assertEquals(sockets.map((socket) => late.has(socket)), sockets.map(() => true));
  assertEquals([ended.length < 20, late.has(new Socket())], [true, false]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(ended, sockets.map((_, i) => i));
});
