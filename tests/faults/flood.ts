/**
 * A queue that is put into when it is full: it refuses, or gives up its oldest messages, and its readers go on.
 *
 * ```sh
 * deno run -A tests/faults/flood.ts [LIMIT_MB] [memory|file] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Connection, DsmqError } from "../../client.ts";
import { windowed } from "../../measure/calls.ts";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import type { Overflow, TransportChoice } from "../../server.ts";
import { ChildServer } from "./child_server.ts";
import { FloodReader, type Manner } from "./flood_reader.ts";
import { until } from "./pause.ts";
import { type Finding, none, report } from "./report.ts";
import { mb, MemoryWatch } from "./watch.ts";

/** How it is run. */
export interface FloodOptions {
  /** How much may be stored, in bytes. */
  readonly limit: number;
  readonly overflow: Overflow;
  readonly store?: "memory" | "file";
  readonly transport?: TransportChoice;
}

const TOPIC = "flood";
const BODY = "x".repeat(1000);

/** Beyond what it stores a server may take so much, in bytes. */
const ROOM = 64 * 1024 * 1024;

/** So many times as much is put as there is room for. */
const TIMES = 3;

const PUTTERS = 3;

/**
 * Puts far more than a queue may keep.
 *
 * @param options how much that is, and what to do about it
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
    const putters = await Promise.all(Array.from({ length: PUTTERS }, open));
    const read = async (manner: Manner, sleepsAfter?: number) =>
      new FloodReader(await open(), TOPIC, manner, sleepsAfter);
    const readers = [await read("subscribes, and goes on"), await read("gets")];
    const sleepers = await Promise.all([
      read("subscribes", 10),
      read("subscribes, and goes on", 10),
      read("gets", 10),
    ]);
    const all = [...readers, ...sleepers];
    const each = BODY.length + 20 + TOPIC.length + MESSAGE_OVERHEAD;
    const count = Math.ceil(TIMES * limit / each);
    // What grows once has grown, and everybody reads.
    const first = await putters[0]!.put(TOPIC, "first");
    await until(() => all.every(({ last }) => last === first), 5000);
    const before = await server.resident();
    const watch = new MemoryWatch(server);
    const { seqs, refused } = await put(putters, count);
    seqs.push(first);
    seqs.sort((a, b) => a - b);
    const through = (readers: readonly FloodReader[]) =>
      until(() => readers.every(({ last, ended }) => ended || last >= seqs.at(-1)!), 30_000);
    await through(readers);
    for (const sleeper of sleepers) sleeper.wake();
    await through(sleepers);
    const grown = await watch.stop() - before;
    const full = refused.filter(({ code }) => code === "full");
    const rejects = overflow === "reject";
    const stored = seqs.length * each;
    const findings: Finding[] = [
      { what: "puts", seen: count, good: true },
      {
        what: "acknowledged",
        seen: seqs.length,
        good: rejects ? stored > 0.9 * limit && stored < 1.1 * limit : seqs.length === count + 1,
      },
      { what: "refused as full", seen: full.length, good: rejects === full.length > 0 },
      none("refused otherwise", refused.filter(({ code }) => code !== "full")),
      ...readers.flatMap((reader) => judged(reader, seqs, true)),
      ...sleepers.flatMap((reader) => judged(reader, seqs, rejects)),
      { what: "memory grown at most", seen: mb(grown), good: grown <= limit + ROOM },
    ];
    for (const one of all) await one.stop();
    await Promise.all(putters.map((mq) => mq.close()));
    return findings;
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/** What a reader had of what was acknowledged: all of it, or it was told. */
function judged(reader: FloodReader, seqs: readonly number[], keepsUp: boolean): Finding[] {
  const { name, count, told, failure } = reader;
  const whole = count === seqs.length;
  const seen = `${count}${told > 0 ? `, and word of ${told} gaps` : ""}${failure ?? ""}`;
  return [
    {
      what: `${name}: messages`,
      seen,
      good: failure === undefined && (keepsUp ? whole || told > 0 : told > 0),
    },
    none(`${name}: skipped without a word`, reader.misplaced(seqs)),
  ];
}

/** Puts so many messages through all connections. */
async function put(putters: readonly Connection[], count: number) {
  const seqs: number[] = [];
  const refused: { readonly code: string }[] = [];
  await windowed(count, 600, async (i) => {
    try {
      seqs.push(await putters[i % putters.length]!.put(TOPIC, `${BODY}${i}`));
    } catch (error) {
      refused.push(error instanceof DsmqError ? error : { code: String(error) });
    }
  });
  return { seqs, refused };
}

if (import.meta.main) {
  const [megabytes = "64", store = "memory", transport = "builtin"] = Deno.args;
  for (const overflow of ["reject", "drop-oldest"] as const) {
    report(
      `A full queue of ${megabytes} MB in ${store}, overflow: ${overflow}, transport ${transport}`,
      await flood({
        limit: Number(megabytes) * 1024 * 1024,
        overflow,
        store: store as "memory" | "file",
        transport: transport as TransportChoice,
      }),
    );
  }
}
