/**
 * What is read at one server of a shared queue after another has acknowledged: `getLatest` must find it, and whoever connects from now on
 * must get what is put later, and nothing from before, also while the leader of the stream changes.
 *
 * ```sh
 * deno run -A tests/faults/replicated_reads.ts [TRIALS] [SECONDS_BETWEEN_LEADERS]
 * ```
 *
 * @module
 */

import { connect, type Connection } from "../../mod.ts";
import { NatsOperator } from "../support/nats_logs.ts";
import { NatsCluster } from "../support/nats_server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { DsmqServers } from "./dsmq_servers.ts";
import { type Finding, report } from "./report.ts";
import { sleep } from "./sleep.ts";

/** The options of a run. */
export interface ReplicatedReadsOptions {
  /** How often each of the two is tried. */
  readonly trials: number;
  /** How long a leader leads, in seconds. */
  readonly leads: number;
}

/** The name of the stream. */
const STREAM = "reads";

/** How many trials are under way at a time, each with a topic and clients of its own. */
const LANES = 4;

/** A trial that is refused is made again, but not for ever. */
const MAX_TRIES = 3;

/** What was seen. */
interface Seen {
  latest: number;
  stale: string[];
  connected: number;
  early: string[];
  missed: string[];
  /** Calls that were refused, which a change of the leader may do to them; what they put counts for nothing. */
  refused: Record<string, number>;
}

/**
 * Starts the servers, and tries.
 *
 * @param options how often
 * @returns what was found
 */
export async function replicatedReads(
  { trials, leads }: ReplicatedReadsOptions,
): Promise<Finding[]> {
  await using cluster = await NatsCluster.start();
  const store = `nats://${cluster.hosts}/${STREAM}?replicas=3&storage=file`;
  await using servers = await DsmqServers.start({ store });
  const seen: Seen = { latest: 0, stale: [], connected: 0, early: [], missed: [], refused: {} };
  const stop = new AbortController();
  const moving = moveLeader(cluster, leads * 1000, stop.signal);
  try {
    await Promise.all(Array.from({ length: LANES }, (_, lane) => {
      return tryLane(servers, lane, Math.ceil(trials / LANES), seen);
    }));
  } finally {
    stop.abort();
  }
  const moved = await moving;
  const refused = Object.entries(seen.refused).map(([code, count]) => `${count} ${code}`);
  return [
    { what: "changes of the leader", seen: moved, good: moved > 0 },
    { what: "getLatest after an acknowledgement", seen: seen.latest, good: seen.latest >= trials },
    { what: "stale", seen: seen.stale[0] ?? 0, good: seen.stale.length === 0 },
    { what: "connected after it", seen: seen.connected, good: seen.connected >= trials },
    { what: "read from before", seen: seen.early[0] ?? 0, good: seen.early.length === 0 },
    { what: "missed from after", seen: seen.missed[0] ?? 0, good: seen.missed.length === 0 },
    { what: "calls refused meanwhile", seen: refused.join(", ") || 0, good: true },
  ];
}

/** Tries one after another, at servers in turn. */
async function tryLane(
  servers: DsmqServers,
  lane: number,
  trials: number,
  seen: Seen,
): Promise<void> {
  const topic = `lane ${lane}`;
  const open = (i: number) =>
    connect(servers.url(i % servers.count), { reconnect: { minDelay: 5, maxDelay: 100 } });
  await using clients = new AsyncDisposableStack();
  const all: Connection[] = [];
  for (let i = 0; i < servers.count; i++) all.push(clients.use(await open(i)));
  const done = { latest: 0, connected: 0 };
  const isOver = () => done.latest >= trials && done.connected >= trials;
  for (let n = 0; n < MAX_TRIES * trials && !isOver(); n++) {
    const at = (n + lane) % servers.count;
    const [a, b] = [all[at]!, all[(at + 1 + n % 2) % servers.count]!];
    try {
      const body = `latest ${n}`;
      await a.put(topic, body);
      const got = await b.getLatest(topic);
      if (got !== body) seen.stale.push(`${JSON.stringify(got)} after ${body}`);
      done.latest++;
      seen.latest++;
    } catch (error) {
      refuse(seen, error);
    }
    try {
      await a.put(topic, `before ${n}`);
      await using late = await open((at + 1 + n % 2) % servers.count);
      const after = `after ${n}`;
      await a.put(topic, after);
      const got = await late.get(topic);
      if (got.startsWith("before") || got.startsWith("latest")) {
        seen.early.push(`${got} by a client that connected after it`);
      } else if (got !== after) seen.missed.push(`${JSON.stringify(got)} after ${after}`);
      done.connected++;
      seen.connected++;
    } catch (error) {
      refuse(seen, error);
    }
  }
}

function refuse({ refused }: Seen, error: unknown): void {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  const name = code ?? message;
  refused[name] = (refused[name] ?? 0) + 1;
}

/** Has the leader of the stream step down again and again; returns how often it did. */
async function moveLeader(
  cluster: NatsCluster,
  every: number,
  signal: AbortSignal,
): Promise<number> {
  let moved = 0;
  await using operator = await NatsOperator.connect(cluster.hosts);
  while (!signal.aborted) {
    try {
      await operator.stepDown(STREAM);
      moved++;
    } catch {
      // It has none just now.
    }
    await sleep(every);
  }
  return moved;
}

if (import.meta.main) {
  const { TRIALS: trials, SECONDS_BETWEEN_LEADERS: leads } = argumentsOrExit({
    TRIALS: 10_000,
    SECONDS_BETWEEN_LEADERS: 3,
  });
  report(
    "Reads at one server after acknowledgements at another",
    await replicatedReads({ trials, leads }),
  );
}
