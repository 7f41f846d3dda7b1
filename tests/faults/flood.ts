/**
 * Puts into a full queue: it refuses them or drops its oldest messages, and its readers continue.
 *
 * ```sh
 * deno run -A tests/faults/flood.ts [LIMIT_MB] [memory|file] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Connection, DsmqError } from "../../client.ts";
import { measureRate } from "../../cli/measure/calls.ts";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import type { Overflow, TransportChoice } from "../../server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer } from "./child_server.ts";
import { FloodReader, type ReadMode } from "./flood_reader.ts";
import { until } from "./sleep.ts";
import { type Finding, mb, none, report } from "./report.ts";
import { memory, MemoryWatch } from "./memory_watch.ts";

/** The options of a run. */
export interface FloodOptions {
  /** How much may be stored, in bytes. */
  readonly limit: number;
  readonly overflow: Overflow;
  readonly store?: "memory" | "file";
  readonly transport?: TransportChoice;
}

const TOPIC = "flood";
const BODY = "x".repeat(1000);

/** How much memory a server may take beyond its stored messages, in bytes. */
const HEADROOM = 64 * 1024 * 1024;

/** How many times the limit is put. */
const TIMES = 3;

const PUTTERS = 3;

/** How many messages are there beforehand. */
const WARM = 500;

/**
 * Puts far more than a queue may store.
 *
 * @param options how much that is, and the overflow policy
 * @returns what was found
 */
export async function flood(options: FloodOptions): Promise<Finding[]> {
  const { limit, overflow, store = "memory", transport = "builtin" } = options;
  const dir = await Deno.makeTempDir({ prefix: "dsmq-flood-" });
  await using server = await ChildServer.start({
    limits: { storedBytes: limit },
    overflow,
    transport,
    retention: 3_600_000,
    store: store === "file" ? `sqlite:${dir}/queue.db` : "memory",
  });
  try {
    const open = () => connect(server.url);
    await warm(server.url);
    const putters = await Promise.all(Array.from({ length: PUTTERS }, open));
    const read = async (mode: ReadMode, sleepsAfter?: number) =>
      new FloodReader(await open(), TOPIC, mode, sleepsAfter);
    const readers = [await read("subscribes, and continues"), await read("gets")];
    const pausedReaders = await Promise.all([
      read("subscribes", 10),
      read("subscribes, and continues", 10),
      read("gets", 10),
    ]);
    const all = [...readers, ...pausedReaders];
    const each = BODY.length + 20 + TOPIC.length + MESSAGE_OVERHEAD;
    const count = Math.ceil(TIMES * limit / each);
    const first = await putters[0]!.put(TOPIC, "first");
    await until(() => all.every(({ last }) => last === first), 5000);
    const before = await memory(server);
    const watch = new MemoryWatch(server);
    const { seqs, refused } = await put(putters, count);
    seqs.push(first);
    seqs.sort((a, b) => a - b);
    const through = (readers: readonly FloodReader[]) =>
      until(() => readers.every(({ last, ended }) => ended || last >= seqs.at(-1)!), 30_000);
    await through(readers);
    for (const pausedReader of pausedReaders) pausedReader.wake();
    await through(pausedReaders);
    const max = await watch.stop();
    const heldGrowth = max.held - before.held;
    const full = refused.filter(({ code }) => code === "full");
    const rejects = overflow === "reject";
    const stored = (seqs.length + WARM) * each;
    const findings: Finding[] = [
      { what: "puts", seen: count, good: true },
      {
        what: "acknowledged",
        seen: seqs.length,
        good: rejects ? stored > 0.9 * limit && stored < 1.1 * limit : seqs.length === count + 1,
      },
      { what: "refused as full", seen: full.length, good: rejects === full.length > 0 },
      none("refused otherwise", refused.filter(({ code }) => code !== "full")),
      ...all.flatMap((reader) => findingsOf(reader, seqs, rejects)),
      { what: "memory grown at most", seen: mb(max.resident - before.resident), good: true },
      {
        what: "the same without what V8 keeps free in its heap",
        seen: mb(heldGrowth),
        good: heldGrowth <= limit + HEADROOM,
      },
    ];
    for (const one of all) await one.stop();
    await Promise.all(putters.map((mq) => mq.close()));
    return findings;
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * A reader got all acknowledged messages, or was told of a gap. A `get` is not told of messages that were
 * dropped before it reached them, nor of expired ones: for it they are only counted.
 */
function findingsOf(reader: FloodReader, seqs: readonly number[], rejects: boolean): Finding[] {
  const { name, mode, sleeps, count, gapCount, failure } = reader;
  const missedGaps = mode === "gets" && !rejects;
  const goodCount = missedGaps
    ? count > 0
    : sleeps && !rejects
    ? gapCount > 0
    : count === seqs.length;
  const { skipped, wrong } = reader.disorder(seqs);
  const gaps = gapCount > 0 ? `, and ${gapCount} gaps` : "";
  return [
    {
      what: `${name}: messages`,
      seen: `${count}${gaps}${failure ?? ""}`,
      good: failure === undefined && (goodCount || gapCount > 0),
    },
    none(`${name}: duplicated or out of order`, wrong),
    {
      what: `${name}: gaps ${missedGaps ? "that a get is not told of" : "without a word"}`,
      seen: skipped.length,
      good: missedGaps || skipped.length === 0,
    },
  ];
}

/** Warms up a server with few messages: the room that V8 takes for garbage grows once. */
async function warm(url: string): Promise<void> {
  await using mq = await connect(url);
  const bodies = Array.from({ length: WARM }, (_, i) => `${BODY}${i}`);
  const last = (await mq.putMany("warm", bodies)).at(-1);
  await Promise.all(
    Array.from({ length: 4 * PUTTERS }, async () => {
      await using reader = await connect(url);
      for (let round = 0; round < 20; round++) {
        for await (const { seq } of reader.subscribe("warm", { since: "start" })) {
          if (seq === last) break;
        }
      }
    }),
  );
}

/** Puts this many messages through all connections. */
async function put(putters: readonly Connection[], count: number) {
  const seqs: number[] = [];
  const refused: { readonly code: string }[] = [];
  await measureRate(count, 600, async (i) => {
    try {
      seqs.push(await putters[i % putters.length]!.put(TOPIC, `${BODY}${i}`));
    } catch (error) {
      refused.push(error instanceof DsmqError ? error : { code: String(error) });
    }
  });
  return { seqs, refused };
}

if (import.meta.main) {
  const { LIMIT_MB: megabytes, STORE: store, TRANSPORT: transport } = argumentsOrExit({
    LIMIT_MB: 64,
    STORE: ["memory", "file"],
    TRANSPORT: ["builtin", "hardened"],
  });
  for (const overflow of ["reject", "drop-oldest"] as const) {
    report(
      `A full queue of ${megabytes} MB in ${store}, overflow: ${overflow}, transport ${transport}`,
      await flood({
        limit: megabytes * 1024 * 1024,
        overflow,
        store,
        transport,
      }),
    );
  }
}
