/**
 * A server that runs out of file descriptors: open connections continue, and new ones are accepted once there is room.
 *
 * ```sh
 * deno run -A tests/faults/descriptors.ts [ROUNDS] [memory|file] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer } from "./child_server.ts";
import { sleep, until } from "./sleep.ts";
import { type Finding, none, report } from "./report.ts";

/** The options of a run. */
export interface DescriptorsOptions {
  /** How often all descriptors are taken and released. */
  readonly rounds: number;
  readonly store: "memory" | "file";
  readonly transport: TransportChoice;
}

/** How many files the server may have open. */
const DESCRIPTORS = 100;

/** How long all descriptors are taken, in milliseconds. */
const HOLD_TIME = 2000;

/** The time within which a client is accepted again, in milliseconds. */
const AGAIN = 10_000;

/**
 * Takes all descriptors of a server, and releases them.
 *
 * @param options see {@linkcode DescriptorsOptions}
 * @returns what was found
 */
export async function descriptors(options: DescriptorsOptions): Promise<Finding[]> {
  const { rounds, store, transport } = options;
  const dir = await Deno.makeTempDir({ prefix: "dsmq-descriptors-" });
  await using server = await ChildServer.start({
    transport,
    store: store === "file" ? `sqlite:${dir}/queue.db` : "memory",
  }, { descriptors: DESCRIPTORS });
  try {
    await using mq = await connect(server.url, { reconnect: false });
    const failed: string[] = [];
    let [cpu, back] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const held = await hold(server.port);
      const before = await server.cpu();
      await sleep(HOLD_TIME / 2);
      await putAndGet(mq, `in ${round}`).catch((error) => failed.push(`open connection: ${error}`));
      await sleep(HOLD_TIME / 2);
      cpu = Math.max(cpu, await server.cpu() - before);
      for (const conn of held) conn.close();
      const began = performance.now();
      if (!await until(() => canConnect(server.url, round), AGAIN, 100)) {
        failed.push("no new connection is accepted");
      }
      back = Math.max(back, performance.now() - began);
    }
    await mq.close();
    server.signal("SIGTERM");
    const { code, stderr } = await server.end();
    const warnings = stderr.split("\n").filter((line) =>
      line.includes("cannot accept connections")
    );
    return [
      none("calls that failed", failed),
      { what: "processor use while all are taken", seen: percent(cpu), good: cpu < HOLD_TIME / 2 },
      {
        what: "new connections accepted after",
        seen: `${Math.round(back)} ms`,
        good: back < AGAIN,
      },
      {
        what: "lines about it",
        seen: warnings.length,
        good: warnings.length > 0 && warnings.length <= rounds,
      },
      { what: "exit code", seen: code, good: code === 0 },
    ];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function percent(cpu: number): string {
  return `${Math.round(100 * cpu / HOLD_TIME)} %`;
}

/** Opens more connections than the server can accept, each with half a request. */
async function hold(port: number): Promise<Deno.Conn[]> {
  const held: Deno.Conn[] = [];
  const half = new TextEncoder().encode("GET /health HTTP/1.1\r\nHost: localhost\r\n");
  for (let i = 0; i < 1.2 * DESCRIPTORS; i++) {
    try {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      held.push(conn);
      await conn.write(half);
    } catch {
      // It accepts no more connections.
    }
  }
  return held;
}

/** Puts into its own topic, and reads it. */
async function putAndGet(mq: Connection, topic: string): Promise<void> {
  await mq.put(topic, "hello");
  const got = await mq.getWait(topic, { timeout: 1000 });
  if (got !== "hello") throw new Error(`got "${got}" from ${topic}`);
}

async function canConnect(url: string, round: number): Promise<boolean> {
  try {
    await using mq = await connect(url, { timeout: 500, reconnect: false });
    await putAndGet(mq, `again ${round}`);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const { ROUNDS: rounds, STORE: store, TRANSPORT: transport } = argumentsOrExit({
    ROUNDS: 5,
    STORE: ["memory", "file"],
    TRANSPORT: ["builtin", "hardened"],
  });
  report(
    `A server with ${DESCRIPTORS} descriptors, all taken ${rounds} times; ${store}, ${transport}`,
    await descriptors({ rounds, store, transport }),
  );
}
