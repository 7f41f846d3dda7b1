/**
 * Connections that come and go: connect, subscribe, disconnect, half of them during the handshake. Nothing
 * may be left of them. `deno run -A tests/faults/churn.ts [CYCLES] [builtin|hardened]`; 100,000 and both
 * by default. Linux alone, because it reads `/proc`.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer, type Report } from "./child_server.ts";
import { type Finding, mb, report } from "./report.ts";
import { until } from "./sleep.ts";

/** How many at a time. */
const TOGETHER = 50;

/** The counts before and after. */
export interface Leftovers {
  readonly before: Report & { readonly sockets: number };
  readonly after: Report & { readonly sockets: number };
}

/** Opens and closes connections, and reports what is left of them. */
export async function churn(transport: TransportChoice, cycles: number): Promise<Leftovers> {
  await using server = await ChildServer.start({ transport });
  const idle = await server.sockets();
  // So that everything is loaded.
  await cycle(server.port, Math.min(cycles, 2000));
  const before = await settled(server, idle);
  await cycle(server.port, cycles);
  return { before, after: await settled(server, idle) };
}

async function cycle(port: number, cycles: number): Promise<void> {
  const random = seeded(7);
  const request = upgradeRequest("Sec-WebSocket-Protocol: dsmq");
  const subscribe = { action: "subscribe", id: 1, messages: 100, bytes: 100_000 };
  const one = async (i: number) => {
    using client = await RawSocket.connect(port);
    if (i % 2 === 0) return await client.send(request.slice(0, random(request.length + 1)));
    await client.send(request);
    await client.head();
    await client.send(clientFrame(1, JSON.stringify({ ...subscribe, topic: `t${i % 100}` })));
    // Every other connection waits for the response, and some send a close.
    if (i % 4 === 1) await client.next();
    if (i % 8 === 1) await client.send(clientFrame(8, new Uint8Array([3, 232])));
  };
  let next = 0;
  const inTurn = async () => {
    for (let i; (i = next++) < cycles;) await one(i);
  };
  await Promise.all(Array.from({ length: TOGETHER }, inTurn));
}

/** The counts once nobody is connected and no more sockets are open than before; after 15 s in any case. */
async function settled(server: ChildServer, idle: number): Promise<Leftovers["after"]> {
  const counts = async () => ({ ...await server.report(), sockets: await server.sockets() });
  let seen = await counts();
  await until(
    async () => {
      seen = await counts();
      return seen.connections === 0 && seen.sockets <= idle;
    },
    15_000,
    100,
  );
  return seen;
}

/** What may be left: nothing. */
function findingsOf({ before, after }: Leftovers): Finding[] {
  const sockets = after.sockets - before.sockets;
  const growth = after.heap - before.heap;
  return [
    { what: "sessions left", seen: after.connections, good: after.connections === 0 },
    { what: "sockets left", seen: sockets, good: sockets <= 0 },
    { what: "how much larger the heap is (10 MB)", seen: mb(growth), good: growth <= 10e6 },
  ];
}

if (import.meta.main) {
  const { CYCLES: cycles, TRANSPORT: given } = argumentsOrExit({
    CYCLES: 100_000,
    TRANSPORT: ["both", "builtin", "hardened"],
  });
  for (const transport of given === "both" ? ["builtin", "hardened"] as const : [given]) {
    const began = performance.now();
    const findings = findingsOf(await churn(transport, cycles));
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    report(
      `Connect, subscribe, disconnect: ${cycles} times in ${seconds} s, over ${transport}`,
      findings,
    );
  }
  Deno.exit();
}
