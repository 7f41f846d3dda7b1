/**
 * Three dsmq servers on a log that three NATS servers keep, under load, while an operator does to its stream what must not be done: it is
 * deleted and made anew, restored from an older backup, purged, or loses its consumers. Every server must notice, no client may read what
 * was lost and what came then as one history, each must be told, and it must go on.
 *
 * ```sh
 * deno run -A tests/faults/replicated_logs.ts [SEED]
 * ```
 *
 * @module
 */

import { NatsCluster } from "../support/nats_server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { DsmqServers } from "./dsmq_servers.ts";
import { historyFindings } from "./history_findings.ts";
import { LOG_FAULTS, type LogFault, type LogScene, morePuts } from "./log_faults.ts";
import { type Finding, report } from "./report.ts";
import { timesWithin } from "./shared_findings.ts";
import { SharedLoad } from "./shared_load.ts";
import { until } from "./sleep.ts";

/** The options of a run. */
export interface ReplicatedLogsOptions {
  /** How many of the faults there are. Default: all */
  readonly faults?: number;
  readonly seed?: number;
  /** Why times are not promised. Default: they are */
  readonly untimed?: string;
}

/** In how long every server notices, and in how long it goes on once it can, in milliseconds. */
const [NOTICED, AGAIN] = [5000, 10_000];

/** How long anything may take before a run is given up, in milliseconds. */
const TIMEOUT = 60_000;

/** What a server logs once it has noticed. */
const NOTICES = ["store_behind", "log_replaced"];

/**
 * Starts the servers and the load for each of the faults, and lets it happen.
 *
 * @param options which
 * @returns what was found
 */
export async function replicatedLogs(
  { faults = LOG_FAULTS.length, seed = 1, untimed }: ReplicatedLogsOptions,
): Promise<Finding[]> {
  await using cluster = await NatsCluster.start();
  const findings: Finding[] = [];
  for (const [i, fault] of LOG_FAULTS.slice(0, faults).entries()) {
    findings.push(...await hurt(cluster, `logs-${i}`, fault(), seed, untimed));
  }
  return findings;
}

async function hurt(
  cluster: NatsCluster,
  stream: string,
  fault: LogFault,
  seed: number,
  stated: string | undefined,
): Promise<Finding[]> {
  const store = `nats://${cluster.hosts}/${stream}?replicas=3&storage=file`;
  await using servers = await DsmqServers.start({ store });
  await using load = await SharedLoad.start({ urls: servers.urls, seed, works: false });
  const scene: LogScene = { cluster, stream, servers, load };
  await morePuts(load);
  const prepared = performance.now();
  await fault.prepare?.(scene);
  await fault.strike(scene);
  const [struck, struckAt] = [performance.now(), Date.now()];
  const noticed = await untilNoticed(servers, fault.notices, struckAt);
  await fault.mend?.(scene);
  const again = await load.acknowledgedAgain(TIMEOUT);
  await morePuts(load);
  const all = [
    ...noticed.length === 0 ? [] : [timesWithin("noticed by servers", noticed, NOTICED, stated)],
    timesWithin("acknowledgements again", [again], AGAIN, stated),
    ...await historyFindings(load, fault.history, { prepared, struck }),
  ];
  return all.map((finding) => ({ ...finding, what: `${fault.name}: ${finding.what}` }));
}

/** Waits until servers have logged that something is wrong; returns how long that took. */
async function untilNoticed(
  { log }: DsmqServers,
  servers: readonly number[],
  from: number,
): Promise<number[]> {
  const times = () =>
    servers.map((i) => {
      const line = log.find(({ at, server, event }) =>
        server === i && at >= from && NOTICES.includes(event)
      );
      return line ? line.at - from : TIMEOUT;
    });
  await until(() => times().every((time) => time < TIMEOUT), TIMEOUT);
  return times();
}

if (import.meta.main) {
  const { SEED: seed } = argumentsOrExit({ SEED: 1 });
  report("The log of a shared queue hurt", await replicatedLogs({ seed }));
}
