/**
 * What has not come whole, of all connections: the hardened transport bounds its sum.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Budget } from "../budgets/budget.ts";
import { listen } from "../transports/node.ts";
import { BareClient, clientFrame, upgradeRequest } from "./support/bare_client.ts";
import { until } from "./support/bridge.ts";
import { Opened } from "./support/inn.ts";
import { soon } from "./support/soon.ts";

const MIB = 1024 * 1024;

/** What evicts nobody before it has been under way for so long, in milliseconds, and something over. */
const GRACE = 2100;

/** What each connection has for itself, in bytes. */
const OWN = 8192;

/** All share what is given, beside what each has for itself. */
function room(shared: number): Budget {
  return new Budget({ own: OWN, shared });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How many of these have been closed or hung up on, after a moment. */
async function gone(clients: readonly BareClient[]): Promise<number> {
  const open = Symbol();
  const ends = await Promise.all(
    clients.map((client) => Promise.race([client.closeCode(), pause(300).then(() => open)])),
  );
  return ends.filter((end) => end !== open).length;
}

Deno.test("frames that are not whole take no more together than there is room for, and the last hears why", async () => {
  const partial = room(4 * MIB);
  await using opened = await Opened.with(listen, { partial });
  const part = clientFrame(1, new Uint8Array(MIB)).subarray(0, 900_000);
  const clients = await Promise.all([1, 2, 3].map(() => BareClient.open(opened.port)));
  const [first, second, third] = clients;
  const whole = partial.free;
  await first!.say(part);
  await second!.say(part);
  // All of that has come before the third says anything.
  await until(() => partial.free <= whole - 2 * part.length + 2 * OWN);
  const closed = third!.closeCode();
  for (let at = 0; at < part.length && opened.inn.reasons.length === 0; at += 100_000) {
    await third!.say(part.subarray(at, at + 100_000));
    await pause(20);
  }
  assertEquals(await soon(closed), 1013);
  assertEquals(opened.inn.reasons, ["there was no room for what had come of its frame"]);
  assertEquals(await gone([first!, second!]), 0);
  for (const client of clients) client.cut();
});

Deno.test("whose frame has been under way for longest gives way to others", async () => {
  await using opened = await Opened.with(listen, { partial: room(4 * MIB) });
  const frame = clientFrame(1, new Uint8Array(MIB));
  const strangers = await Promise.all([1, 2].map(() => BareClient.open(opened.port)));
  for (const stranger of strangers) await stranger.say(frame.subarray(0, 900_000));
  await pause(GRACE);
  for (let i = 0; i < 3; i++) {
    using honest = await BareClient.open(opened.port);
    await honest.say(frame.subarray(0, 900_000));
    await pause(20);
    await honest.say(frame.subarray(900_000));
    await soon(opened.inn.until(() => opened.inn.guests.at(-1)!.said.length === 1));
  }
  assertEquals(await gone(strangers), 1);
  for (const stranger of strangers) stranger.cut();
});

Deno.test("pieces count with what they take, not with what is in them", async () => {
  await using opened = await Opened.with(listen, { partial: room(4 * MIB) });
  const pieces = new Uint8Array(1000 * 7);
  for (let i = 0; i < 1000; i++) {
    pieces.set(clientFrame(i === 0 ? 1 : 0, "x", { final: false }), 7 * i);
  }
  const clients: BareClient[] = [];
  for (let i = 0; i < 6; i++) {
    const client = await BareClient.open(opened.port);
    await client.say(pieces);
    clients.push(client);
    await pause(50);
  }
  assert(await gone(clients) >= 1);
  for (const client of clients) client.cut();
});

Deno.test("what is over is free again: whole frames in any number find room", async () => {
  await using opened = await Opened.with(listen, { partial: room(4 * MIB) });
  const frame = clientFrame(1, new Uint8Array(MIB));
  using client = await BareClient.open(opened.port);
  for (let i = 0; i < 20; i++) await client.say(frame);
  await soon(opened.inn.until(() => opened.inn.guests[0]!.said.length === 20));
  for (let i = 0; i < 20; i++) {
    using cut = await BareClient.open(opened.port);
    await cut.say(frame.subarray(0, 900_000));
  }
  await soon(opened.inn.until(() => opened.inn.present === 1));
  using last = await BareClient.open(opened.port);
  await last.say(frame.subarray(0, 900_000));
  await last.say(frame.subarray(900_000));
  await soon(opened.inn.until(() => opened.inn.guests.at(-1)!.said.length === 1));
  assertEquals(opened.inn.reasons, []);
});

Deno.test("connections that ask for nothing give way to those that do", async () => {
  await using opened = await Opened.with(listen, { partial: room(64 * 1024) });
  const silent = await Promise.all(
    Array.from({ length: 8 }, () => BareClient.connect(opened.port)),
  );
  await pause(GRACE);
  const honest: BareClient[] = [];
  for (let i = 0; i < 20; i++) honest.push(await soon(BareClient.open(opened.port)));
  assertEquals(opened.inn.present, 20);
  for (const client of [...silent, ...honest]) client.cut();
  await soon(opened.inn.until(() => opened.inn.present === 0));
});

Deno.test("headers that are not whole count with their bytes", async () => {
  await using opened = await Opened.with(listen, { partial: room(256 * 1024) });
  const clients: BareClient[] = [];
  for (let i = 0; i < 6; i++) {
    const client = await BareClient.connect(opened.port);
    await client.say(`${upgradeRequest().slice(0, -2)}X-Long: ${"x".repeat(60_000)}`);
    clients.push(client);
  }
  await pause(300);
  assert(opened.inn.refusals.some((why) => why.includes("too many wait that are not whole")));
  for (const client of clients) client.cut();
});

Deno.test("one who rests between requests by HTTP takes no more for all that it has asked before", async () => {
  await using opened = await Opened.with(listen, { partial: room(256 * 1024) });
  using client = await BareClient.connect(opened.port);
  for (let i = 0; i < 10; i++) {
    await client.say(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(30_000)}\r\n\r\n`);
    const head = await soon(client.head());
    await client.text(Number(/content-length: (\d+)/i.exec(head)![1]));
    await pause(120);
  }
  assertEquals(opened.inn.refusals, []);
});
