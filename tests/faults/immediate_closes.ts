/**
 * Peers that put and close at once, one after another, as fast as possible: all their puts are stored in the end, and an
 * honest neighbour does not notice.
 *
 * ```sh
 * deno run -A tests/faults/immediate_closes.ts builtin|hardened [PART_OF_A_NAME | 1/2]
 * ```
 *
 * It takes about 40 s.
 *
 * @module
 */

import { connect } from "@dsmq/server/client";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import type { ChildServer } from "./child_server.ts";
import { maxMemory, MEMORY_LIMITS } from "./memory_limits.ts";
import { sleep } from "./sleep.ts";
import { MIB } from "./report.ts";
import { FLOOD } from "./platform_limits.ts";
import { type AttackRun, runAttacks } from "./attack_runner.ts";

/** How long, in milliseconds; over how many connections at a time; and how many messages at most. */
const [DURATION, CONNECTIONS, MESSAGES] = [2500, 8, 200_000];

/** The most that a stored message takes here, in bytes. */
const STORED = 512;

/** What the runtime keeps after thousands of short connections, in bytes. */
const CHURN = 112 * 1024 * 1024;

/** How long sent frames may wait for their turn, in milliseconds. */
const TIMEOUT = 10_000;

/** Everything that is sent at once has room, although it comes from one address, which may have half. */
const LIMITS = { ...MEMORY_LIMITS, totalPartialBytes: 128 * MIB, totalInFlightBytes: 512 * MIB };
const MAX_HELD = Object.values(LIMITS).reduce((sum, bytes) => sum + bytes);

const PUT = { action: "put", topic: "left", message: "x" };
const GET = { action: "get", topic: "left" };

const bytesOf = (...frames: readonly string[]) => frames.map((text) => clientFrame(1, text));
const times = (count: number, what: object) => Array.from({ length: count }, () => what);

/** What one of them sends, and how many puts that is. */
const FRAMES: Readonly<Record<string, readonly [frames: readonly Uint8Array[], puts: number]>> = {
  "a put": [bytesOf(JSON.stringify(PUT)), 1],
  "500 puts, each in a frame": [bytesOf(...times(500, PUT).map((put) => JSON.stringify(put))), 500],
  "a list of 8,000 puts": [bytesOf(JSON.stringify(times(8000, PUT))), 8000],
  "8,000 puts in 1.5 MB": [bytesOf(JSON.stringify(times(8000, PUT), null, 10)), 8000],
  "gets before puts": [bytesOf(JSON.stringify([...times(500, GET), ...times(500, PUT)])), 500],
};

/** How it disconnects. */
const ENDINGS: Readonly<Record<string, readonly Uint8Array[]>> = {
  "with a close frame": [clientFrame(8, new Uint8Array([3, 232]))],
  "without a close frame": [],
};

function trial(frameName: string, ending: string): AttackRun {
  const [frames, puts] = FRAMES[frameName]!;
  const all = concat([...frames, ...ENDINGS[ending]!]);
  return {
    name: `${frameName}, ${ending}`,
    options: { limits: LIMITS },
    builtin: frames.length > 1 ? FLOOD : undefined,
    memory: maxMemory(CONNECTIONS, MAX_HELD) + CHURN + MESSAGES * STORED,
    async attack(server) {
      const end = performance.now() + DURATION;
      let [stored, put] = [0, 0];
      await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        while (performance.now() < end && put + puts <= MESSAGES) {
          stored++;
          put += puts;
          using client = await RawSocket.open(server.port);
          await client.send(all);
        }
      }));
      await isThere(server, put);
      return { connections: stored, bytes: stored * all.length, seen: `all ${put} are stored` };
    },
  };
}

/** Resolves once this many messages are stored; throws if they are not. */
async function isThere(server: ChildServer, put: number): Promise<void> {
  await using mq = await connect(server.url);
  let seen = 0;
  for (const end = performance.now() + TIMEOUT; performance.now() < end; await sleep(20)) {
    const [entry] = await mq.topics("left");
    seen = entry?.messages ?? 0;
    if (seen === put) return;
  }
  throw new Error(`Of ${put} messages that were put, ${seen} are stored`);
}

function concat(frames: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

if (import.meta.main) {
  const [transport = "hardened", which] = Deno.args;
  const trials = Object.keys(FRAMES).flatMap((frameName) =>
    Object.keys(ENDINGS).map((ending) => trial(frameName, ending))
  );
  await runAttacks("Puts before an immediate close", transport as TransportChoice, trials, which);
}
