/**
 * Incomplete frames and requests of all connections: the hardened transport bounds their sum.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Budget } from "../../budgets/budget.ts";
import { listen } from "../../transports/node.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { until } from "../support/bridge.ts";
import { clockAhead } from "../support/clock_ahead.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

const MIB = 1024 * 1024;

/** How long a frame may be incomplete before it can be evicted, in milliseconds, and a little more. */
const GRACE_PERIOD = 2100;

/** The reserve of each connection, in bytes. */
const OWN = 8192;

/** All share this many bytes besides the reserve of each. */
function budgetOf(shared: number): Budget {
  return new Budget({ own: OWN, shared });
}

/** How much has come from all peers. */
function received({ handler }: OpenPort): number {
  return handler.peers.reduce((sum, { peer }) => sum + peer.bytesReceived!, 0);
}

const NO_ROOM = "there was no memory for its incomplete frame";

Deno.test("incomplete frames together take no more than their limit, and the last peer learns why", async () => {
  const partial = budgetOf(4 * MIB);
  await using opened = await OpenPort.with(listen, { partial });
  const part = clientFrame(1, new Uint8Array(MIB)).subarray(0, 900_000);
  const clients = await Promise.all([1, 2, 3].map(() => RawSocket.open(opened.port)));
  const [first, second, third] = clients;
  const whole = partial.free;
  await first!.send(part);
  await second!.send(part);
  // All of that has arrived before the third sends anything.
  await until(() => partial.free <= whole - 2 * part.length + 2 * OWN);
  const closed = third!.closeCode();
  const before = received(opened);
  for (let at = 0; at < part.length && opened.handler.reasons.length === 0; at += 100_000) {
    const piece = part.subarray(at, at + 100_000);
    await third!.send(piece);
    await until(() =>
      opened.handler.reasons.length > 0 || received(opened) >= before + at + piece.length
    );
  }
  assertEquals(await withTimeout(closed), 1013);
  await withTimeout(opened.handler.until(() => opened.handler.present < 3));
  // The others are still there.
  assertEquals([opened.handler.reasons, opened.handler.present], [[NO_ROOM], 2]);
  for (const client of clients) client.cut();
});

Deno.test("the frame that has been incomplete for longest gives way to others", async () => {
  const partial = budgetOf(4 * MIB);
  await using opened = await OpenPort.with(listen, { partial });
  const frame = clientFrame(1, new Uint8Array(MIB));
  const attackers = await Promise.all([1, 2].map(() => RawSocket.open(opened.port)));
  const whole = partial.free;
  for (const attacker of attackers) await attacker.send(frame.subarray(0, 900_000));
  await until(() => partial.free <= whole - 2 * 900_000 + 2 * OWN);
  using _later = clockAhead(GRACE_PERIOD);
  for (let i = 0; i < 3; i++) {
    using honest = await RawSocket.open(opened.port);
    const before = received(opened);
    await honest.send(frame.subarray(0, 900_000));
    await until(() => received(opened) >= before + 900_000);
    await honest.send(frame.subarray(900_000));
    await withTimeout(
      opened.handler.until(() => opened.handler.peers.at(-1)!.received.length === 1),
    );
  }
  assertEquals(opened.handler.reasons, [NO_ROOM]);
  await withTimeout(Promise.race(attackers.map((attacker) => attacker.closeCode())));
  for (const attacker of attackers) attacker.cut();
});

Deno.test("fragments count with the memory that they take, not with their content", async () => {
  await using opened = await OpenPort.with(listen, { partial: budgetOf(4 * MIB) });
  const pieces = new Uint8Array(1000 * 7);
  for (let i = 0; i < 1000; i++) {
    pieces.set(clientFrame(i === 0 ? 1 : 0, "x", { final: false }), 7 * i);
  }
  const clients: RawSocket[] = [];
  for (let i = 0; i < 6; i++) {
    const client = await RawSocket.open(opened.port);
    await client.send(pieces);
    clients.push(client);
  }
  await withTimeout(opened.handler.until(() => opened.handler.reasons.includes(NO_ROOM)));
  for (const client of clients) client.cut();
});

Deno.test("complete frames free their room: any number of them is accepted", async () => {
  await using opened = await OpenPort.with(listen, { partial: budgetOf(4 * MIB) });
  const frame = clientFrame(1, new Uint8Array(MIB));
  using client = await RawSocket.open(opened.port);
  for (let i = 0; i < 20; i++) await client.send(frame);
  await withTimeout(opened.handler.until(() => opened.handler.peers[0]!.received.length === 20));
  for (let i = 0; i < 20; i++) {
    using cut = await RawSocket.open(opened.port);
    await cut.send(frame.subarray(0, 900_000));
  }
  await withTimeout(opened.handler.until(() => opened.handler.present === 1));
  using last = await RawSocket.open(opened.port);
  await last.send(frame.subarray(0, 900_000));
  await last.send(frame.subarray(900_000));
  await withTimeout(opened.handler.until(() => opened.handler.peers.at(-1)!.received.length === 1));
  assertEquals(opened.handler.reasons, []);
});

Deno.test("connections without requests give way to those with some", async () => {
  const partial = budgetOf(64 * 1024);
  await using opened = await OpenPort.with(listen, { partial });
  const silent = await Promise.all(
    Array.from({ length: 8 }, () => RawSocket.connect(opened.port)),
  );
  // Each takes 4 KiB that all share.
  await until(() => partial.free <= 32 * 1024);
  using _later = clockAhead(GRACE_PERIOD);
  const honest: RawSocket[] = [];
  for (let i = 0; i < 20; i++) honest.push(await withTimeout(RawSocket.open(opened.port)));
  assertEquals(opened.handler.present, 20);
  for (const client of [...silent, ...honest]) client.cut();
  await withTimeout(opened.handler.until(() => opened.handler.present === 0));
});

Deno.test("incomplete headers count with their bytes", async () => {
  await using opened = await OpenPort.with(listen, { partial: budgetOf(256 * 1024) });
  const clients: RawSocket[] = [];
  for (let i = 0; i < 6; i++) {
    const client = await RawSocket.connect(opened.port);
    await client.send(`${upgradeRequest().slice(0, -2)}X-Long: ${"x".repeat(60_000)}`);
    clients.push(client);
  }
  const reason = "too many incomplete requests wait";
  await withTimeout(
    opened.handler.until(() => opened.handler.refusals.some((text) => text.includes(reason))),
  );
  for (const client of clients) client.cut();
});

Deno.test("a peer that is idle between HTTP requests takes no memory for its earlier requests", async () => {
  const partial = budgetOf(256 * 1024);
  await using opened = await OpenPort.with(listen, { partial });
  const checks: (() => void)[] = [];
  const { setInterval } = globalThis;
  globalThis.setInterval = ((run: () => void, ms?: number) => {
    checks.push(run);
    return setInterval(run, ms);
  }) as typeof setInterval;
  using client = await RawSocket.connect(opened.port);
  await until(() => checks.length > 0);
  globalThis.setInterval = setInterval;
  assertEquals(checks.length, 1);
  const idle = partial.free;
  for (let i = 0; i < 10; i++) {
    await client.send(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(30_000)}\r\n\r\n`);
    await readResponse(client);
    checks[0]!();
    assertEquals(partial.free, idle);
  }
  assertEquals(opened.handler.refusals, []);
});

async function readResponse(client: RawSocket): Promise<void> {
  const head = await withTimeout(client.head());
  await client.text(Number(/content-length: (\d+)/i.exec(head)![1]));
}
