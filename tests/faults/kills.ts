/**
 * A server on a file that is killed again and again during puts and purges: what it acknowledged must be stored, once and
 * in order, and what it purged must be gone.
 *
 * ```sh
 * deno run -A tests/faults/kills.ts [KILLS] [disk|process] [builtin|hardened]
 * ```
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { connect, type Connection, DsmqError } from "../../mod.ts";
import { Program } from "../support/program.ts";
import { seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { sleep } from "./sleep.ts";
import { type Finding, none, report } from "./report.ts";

/** The options of a run. */
export interface KillsOptions {
  readonly kills: number;
  readonly durability?: string;
  readonly transport?: string;
  readonly seed?: number;
}

const TOPIC = "kills";
const PUTTERS = 3;

/** The topic that is purged. */
const PURGED = "purged";

/**
 * Starts servers on one file and one port, one after another, and kills each.
 *
 * @param options how many
 * @returns what was found
 */
export async function kills(options: KillsOptions): Promise<Finding[]> {
  const { kills, durability = "disk", transport = "builtin", seed = 1 } = options;
  const random = seeded(seed);
  const dir = await Deno.makeTempDir({ prefix: "dsmq-kills-" });
  const file = `${dir}/queue.db`;
  const start = (port: number) => serverOn(file, port, durability, transport);
  let server: Program | undefined;
  try {
    let port: number;
    ({ server, port } = await start(0));
    const url = `ws://127.0.0.1:${port}`;
    const reconnect = { minDelay: 1, maxDelay: 20 };
    const open = () => connect(url, { reconnect, timeout: 60_000 });
    const putters = await Promise.all(Array.from({ length: PUTTERS }, open));
    const subscriber = await open();
    const streamed: string[] = [];
    const refused: string[] = [];
    const stop = new AbortController();
    const streaming = (async () => {
      for await (const { body } of subscriber.subscribe(TOPIC, { signal: stop.signal })) {
        streamed.push(body);
      }
    })().catch((error) => stop.signal.aborted ? undefined : refused.push(String(error)));

    const acknowledged = new Map<string, number>();
    const ending = new AbortController();
    const putting = putters.map((mq, i) =>
      putAll(mq, i, ending.signal, acknowledged, (error) => refused.push(String(error)))
    );
    const purges = new Purges();
    const purging = open().then((mq) =>
      purges.run(mq, ending.signal).catch((error) => refused.push(String(error)))
    );
    for (let killed = 0; killed < kills; killed++) {
      await sleep(20 + random(80));
      server.child.kill("SIGKILL");
      await server.end();
      ({ server, port } = await start(port));
      // It must acknowledge some puts before it is killed.
      const before = acknowledged.size;
      const end = Date.now() + 20_000;
      while (acknowledged.size < before + 100 && Date.now() < end) await sleep(2);
    }
    ending.abort();
    await Promise.all([...putting, purging]);
    const last = "last";
    acknowledged.set(last, await putters[0]!.put(TOPIC, last));
    const end = Date.now() + 20_000;
    while (streamed.at(-1) !== last && Date.now() < end) await sleep(10);
    stop.abort();
    await streaming;

    await using reader = await connect(url, { since: "start" });
    const stored: string[] = [];
    const seqs: number[] = [];
    for (let message; (message = await reader.read(TOPIC));) {
      stored.push(message.body);
      seqs.push(message.seq);
    }
    const left = await purges.left(reader);
    await Promise.all([...putters, subscriber].map((mq) => mq.close()));
    const at = new Map(stored.map((body, i) => [body, seqs[i]!]));
    const misnumbered = [...acknowledged].filter(([body, seq]) =>
      at.has(body) && at.get(body) !== seq
    );
    server.child.kill("SIGTERM");
    await server.end();
    return [
      { what: "servers killed", seen: kills, good: true },
      {
        what: "puts acknowledged",
        seen: acknowledged.size,
        good: acknowledged.size >= 100 * kills,
      },
      { what: "puts and reads refused", seen: refused[0] ?? 0, good: refused.length === 0 },
      none("acknowledged, and lost", [...acknowledged.keys()].filter((body) => !at.has(body))),
      none("stored twice", stored.filter((body, i) => at.get(body) !== seqs[i])),
      none("stored under another number than was acknowledged", misnumbered),
      none("numbers out of order", seqs.filter((seq, i) => i > 0 && seq <= seqs[i - 1]!)),
      none("out of order for one putter", disorder(stored)),
      { what: "purges acknowledged", seen: purges.count, good: purges.count >= kills },
      none("purged, and back", left.filter((seq) => seq <= purges.through)),
      none("not purged, and gone", [...purges.kept].filter((seq) => !left.includes(seq))),
      { what: "streams as stored", seen: streamed.length, good: `${streamed}` === `${stored}` },
      { what: "integrity_check", seen: integrity(file), good: integrity(file) === "ok" },
    ];
  } finally {
    await server?.[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Puts and purges, one after the other. */
class Purges {
  /** How many were acknowledged, and up to where. */
  count = 0;
  through = 0;
  /** What was acknowledged, and is not purged. */
  readonly kept: Set<number> = new Set();

  async run(mq: Connection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seqs = await mq.putMany(PURGED, ["a", "b", "c"]);
      for (const seq of seqs) this.kept.add(seq);
      // From now on these may be gone; the last one stays.
      const last = seqs.at(-1)!;
      for (const seq of this.kept) if (seq < last) this.kept.delete(seq);
      try {
        await mq.purge(PURGED, { before: last });
        this.through = last - 1;
        this.count++;
      } catch (error) {
        if ((error as DsmqError).code !== "unknown_outcome") throw error;
      }
    }
    await mq.close();
  }

  /** What can be read. */
  async left(mq: Connection): Promise<number[]> {
    const seqs: number[] = [];
    for (let message; (message = await mq.read(PURGED));) seqs.push(message.seq);
    return seqs;
  }
}

async function serverOn(
  file: string,
  port: number,
  durability: string,
  transport: string,
): Promise<{ server: Program; port: number }> {
  const server = new Program([
    "-A",
    "cli.ts",
    "serve",
    ...["--store", `sqlite:${file}`, "--port", `${port}`, "--durability", durability, "--json"],
    ...["--transport", transport, "--retention", "1h"],
  ]);
  const line = await server.line();
  if (line === undefined) throw new Error((await server.end()).stderr);
  return { server, port: JSON.parse(line).port };
}

/** Puts one after another, and some together, until it is stopped. */
async function putAll(
  mq: Connection,
  putter: number,
  signal: AbortSignal,
  acknowledged: Map<string, number>,
  refused: (error: unknown) => void,
): Promise<void> {
  for (let n = 0; !signal.aborted;) {
    const calls = Array.from({ length: 1 + n % 7 }, async () => {
      const body = `${putter}:${n++}`;
      try {
        acknowledged.set(body, await mq.put(TOPIC, body));
      } catch (error) {
        refused(error instanceof DsmqError ? `${error.code}: ${error.message}` : error);
      }
    });
    await Promise.all(calls);
  }
}

/** Messages that come after a later one of the same putter. */
function disorder(bodies: readonly string[]): string[] {
  const last = new Map<string, number>();
  return bodies.filter((body) => {
    const [putter, n] = body.split(":");
    if (n === undefined) return false;
    const before = last.get(putter!) ?? -1;
    last.set(putter!, Number(n));
    return Number(n) < before;
  });
}

function integrity(file: string): string {
  const db = new DatabaseSync(file);
  try {
    return String(Object.values(db.prepare("PRAGMA integrity_check").get()!)[0]);
  } finally {
    db.close();
  }
}

if (import.meta.main) {
  const { TIMES, DURABILITY: durability, TRANSPORT: transport } = argumentsOrExit({
    TIMES: 100,
    DURABILITY: ["disk", "process"],
    TRANSPORT: ["builtin", "hardened"],
  });
  report(
    `Servers killed, --durability ${durability}, --transport ${transport}`,
    await kills({ kills: TIMES, durability, transport }),
  );
}
