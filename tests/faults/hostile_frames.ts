/**
 * A server under attack: fragments without an end, half-sent headers, unmasked frames, peers that
 * read nothing. `deno run -A tests/faults/hostile_frames.ts [builtin|hardened]`; the required
 * figures are those of `hardened`, the default. Linux alone, because it reads `/proc`.
 *
 * @module
 */

import { connect } from "@dsmq/server/client";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { ChildServer } from "./child_server.ts";
import { mb, Report } from "./report.ts";
import { WHOLE_FRAMES } from "./platform_limits.ts";
import { until } from "./sleep.ts";

const transport = (Deno.args[0] ?? "hardened") as TransportChoice;
const report = new Report("what", "seen");

const UNMASKED = "Deno.serve accepts unmasked frames";
const HALVES = "Deno.serve waits without limit for the rest of a request";
const UNANSWERED = "Deno.serve keeps the connection of a peer that does not answer a close";

/** Grades what a hardened server must do; for a built-in one, the result is only stated, with the reason. */
function check(what: string, good: boolean, seen: string, reason: string): void {
  report.row([what, seen], { good, stated: transport === "builtin" ? reason : undefined });
}

/** The peak memory of an attack, and the wait of an honest client meanwhile. */
async function during(
  server: ChildServer,
  attack: () => Promise<void>,
): Promise<{ growth: number; slowest: number }> {
  const before = await server.resident();
  let max = before;
  let slowest = 0;
  let going = true;
  const watching = (async () => {
    while (going) {
      max = Math.max(max, await server.resident());
      const began = performance.now();
      await using mq = await connect(`ws://127.0.0.1:${server.port}`);
      await mq.put("honest", "hello");
      slowest = Math.max(slowest, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await attack();
  } finally {
    going = false;
    await watching;
  }
  return { growth: max - before, slowest };
}

async function tryAttack(
  server: ChildServer,
  what: string,
  reason: string,
  attack: () => Promise<{ passed: boolean; seen: string }>,
): Promise<void> {
  let found = { passed: false, seen: "nothing" };
  const { growth, slowest } = await during(server, async () => {
    found = await attack();
  });
  check(what, found.passed, found.seen, reason);
  check("      memory at most +8 MB meanwhile", growth <= 8e6, `+${mb(growth)}`, reason);
  check("      an honest client within 1 s", slowest <= 1000, `${Math.round(slowest)} ms`, reason);
}

async function fragments(port: number): Promise<{ passed: boolean; seen: string }> {
  const piece = clientFrame(0, new Uint8Array(1024 * 1024), { final: false });
  using client = await RawSocket.open(port);
  const closed = client.closeCode();
  let closes = 0;
  try {
    await client.send(clientFrame(1, "", { final: false }));
    for (; closes < 600; closes++) await client.send(piece);
  } catch {
    // It was disconnected.
  }
  const code = await withTimeout(closed, 2000).catch(() => "none");
  return { passed: code === 1009, seen: `close code ${code} after ${closes} MiB were accepted` };
}

async function halves(port: number): Promise<{ passed: boolean; seen: string }> {
  const began = performance.now();
  const clients: RawSocket[] = [];
  for (let i = 0; i < 1000; i++) {
    const client = await RawSocket.connect(port);
    await client.send(upgradeRequest().slice(0, 1 + i % 100));
    clients.push(client);
  }
  let closed = 0;
  const all = Promise.all(clients.map((client) => client.head().then(() => closed++)));
  await withTimeout(all, 12_000).catch(() => {});
  const seconds = (performance.now() - began) / 1000;
  for (const client of clients) client.cut();
  const seen = `${closed} of 1000 closed after ${seconds.toFixed(1)} s`;
  return { passed: closed === 1000, seen };
}

async function unmasked(port: number): Promise<{ passed: boolean; seen: string }> {
  const codes = new Map<unknown, number>();
  for (let i = 0; i < 100; i++) {
    using client = await RawSocket.open(port);
    await client.send(clientFrame(1, '{"action":"get","id":1,"topic":"t"}', { masked: false }));
    const frame = await withTimeout(client.next());
    const code = frame?.opcode === 8 ? frame.payload[0]! * 256 + frame.payload[1]! : "answered";
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const seen = [...codes].map(([code, count]) => `${count} × ${code}`).join(", ");
  return { passed: codes.get(1002) === 100, seen };
}

/** A reader that requests much and reads none of it. */
async function stalled(server: ChildServer): Promise<void> {
  const { port } = server;
  await using mq = await connect(`ws://127.0.0.1:${port}`);
  const body = "x".repeat(100_000);
  for (let i = 0; i < 400; i++) await mq.put("much", body);
  const sockets = await server.sockets();
  const before = (await server.report()).dropped;
  using client = await RawSocket.open(port);
  const credit = { messages: 1_000_000, bytes: 200_000_000 };
  const subscribe = { action: "subscribe", id: 1, topic: "much", since: "start", ...credit };
  await client.send(clientFrame(1, JSON.stringify(subscribe)));
  const began = performance.now();
  let now = await server.report();
  await until(async () => {
    now = await server.report();
    return now.dropped > before;
  }, 15_000);
  const seconds = (performance.now() - began) / 1000;
  const closed = now.dropped - before === 1 && now.connections === 1;
  const good = closed && seconds < 10;
  const what = "a peer that reads nothing is dropped within 10 s, and counted";
  report.row([what, `${seconds.toFixed(1)} s`], { good });
  let remaining = 0;
  await until(async () => {
    remaining = await server.sockets() - sockets;
    return remaining <= 0;
  }, 200);
  check(
    "      its connection is gone",
    remaining === 0,
    `${remaining} sockets more than before`,
    UNANSWERED,
  );
}

/** Uses a server as honest clients do, so that its heap has its usual size before the attack. */
async function use(port: number): Promise<void> {
  for (let round = 0; round < 4; round++) {
    const clients = await Promise.all(
      Array.from({ length: 1000 }, () => RawSocket.open(port)),
    );
    for (const client of clients) client.cut();
    await using mq = await connect(`ws://127.0.0.1:${port}`);
    await mq.putMany("used", Array.from({ length: 10_000 }, () => "x".repeat(100)));
  }
}

{
  await using server = await ChildServer.start({ transport });
  const { port } = server;
  await use(port);
  const { reason } = WHOLE_FRAMES;
  await tryAttack(
    server,
    "600 MiB of fragments without an end are refused",
    reason,
    () => fragments(port),
  );
  await tryAttack(server, "unmasked frames are refused", UNMASKED, () => unmasked(port));
  await tryAttack(
    server,
    "1,000 half-sent headers are closed within 10 s",
    HALVES,
    () => halves(port),
  );
}
{
  await using server = await ChildServer.start({ transport });
  await stalled(server);
}
report.print(`A server under attack, over ${transport}`);
Deno.exit();
