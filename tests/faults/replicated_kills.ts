/**
 * Three dsmq servers on a log that three NATS servers keep, under load: one server after another is killed, then two of NATS at once. What
 * was acknowledged must be stored, once and in order, everybody must see one history, and no job may have two valid claims.
 *
 * ```sh
 * deno run -A tests/faults/replicated_kills.ts [NATS_KILLS] [DSMQ_KILLS] [SEED]
 * ```
 *
 * @module
 */

import { seeded } from "../../testing/seeded.ts";
import { NatsCluster } from "../support/nats_server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ClusteredStream } from "./clustered_stream.ts";
import { DsmqServers } from "./dsmq_servers.ts";
import { HttpPuts, REFUSED } from "./http_puts.ts";
import { type Finding, none, report } from "./report.ts";
import { sharedFindings, timesWithin } from "./shared_findings.ts";
import { SharedLoad } from "./shared_load.ts";
import { sleep } from "./sleep.ts";

/** The options of a run. */
export interface ReplicatedKillsOptions {
  /** How often one of the servers of NATS is killed; the leader of the stream each second time. */
  readonly natsKills: number;
  readonly dsmqKills: number;
  /** For how long two servers of NATS stay away in the end, in milliseconds. Default: they do not go away */
  readonly twoAway?: number;
  readonly seed?: number;
  /** Why times are not promised. Default: they are */
  readonly untimed?: string;
}

/** The name of the stream. */
const STREAM = "faults";

/** In how long there are acknowledgements again: after one server, and after the second of NATS is back. In milliseconds. */
const [AGAIN, AGAIN_AFTER_TWO] = [10_000, 15_000];

/** How long anything may take before a run is given up, in milliseconds. */
const TIMEOUT = 60_000;

/**
 * Starts the servers and the load, and kills.
 *
 * @param options how often
 * @returns what was found
 */
export async function replicatedKills(options: ReplicatedKillsOptions): Promise<Finding[]> {
  const { natsKills, dsmqKills, twoAway, seed = 1, untimed: stated } = options;
  const random = seeded(seed);
  await using cluster = await NatsCluster.start();
  const store = `nats://${cluster.hosts}/${STREAM}?replicas=3&storage=file`;
  await using servers = await DsmqServers.start({ store });
  await using load = await SharedLoad.start({ urls: servers.urls, seed });
  await load.acknowledgedAgain(TIMEOUT);
  const stream = new ClusteredStream(cluster, STREAM);
  const times: Record<"leader" | "nats" | "dsmq", number[]> = { leader: [], nats: [], dsmq: [] };
  for (let killed = 0; killed < Math.max(natsKills, dsmqKills); killed++) {
    if (killed < natsKills) {
      const leads = killed % 2 === 1;
      const server = await stream.find(leads);
      await server.kill();
      times[leads ? "leader" : "nats"].push(await load.acknowledgedAgain(TIMEOUT));
      await sleep(random(1000));
      await server.run();
      await stream.inSync();
    }
    if (killed < dsmqKills) {
      const i = random(servers.count);
      await servers.kill(i);
      times.dsmq.push(await load.acknowledgedAgain(TIMEOUT));
      await sleep(random(1000));
      await servers.run(i);
    }
  }
  const againAfter = (what: string, times: readonly number[]) =>
    timesWithin(`acknowledgements again after ${what} was killed`, times, AGAIN, stated);
  return [
    againAfter("the leader", times.leader),
    againAfter("another server of NATS", times.nats),
    againAfter("a dsmq server", times.dsmq),
    ...twoAway === undefined ? [] : await killTwo(cluster, stream, servers, load, twoAway, stated),
    ...await sharedFindings(load),
  ];
}

/** Kills two of three: nothing may be acknowledged, and each put be refused in time. */
async function killTwo(
  cluster: NatsCluster,
  stream: ClusteredStream,
  servers: DsmqServers,
  load: SharedLoad,
  away: number,
  stated: string | undefined,
): Promise<Finding[]> {
  const leader = await stream.find(true);
  const second = cluster.servers.find((server) => server !== leader)!;
  await Promise.all([leader.kill(), second.kill()]);
  const from = performance.now();
  const under = load.calls.filter(({ settled }) => settled === undefined);
  const puts = new HttpPuts();
  await puts.putUntil(servers.urls, sleep(away));
  const falsely = load.calls.filter(({ begun, settled, outcome }) =>
    begun > from && settled !== undefined && typeof outcome === "number"
  );
  const late = under.filter(({ settled = Infinity }) => settled > from + REFUSED);
  await Promise.all([leader.run(), second.run()]);
  const again = await load.acknowledgedAgain(TIMEOUT);
  await stream.inSync();
  return [
    none("two of three NATS servers down: falsely acknowledged", [
      ...falsely,
      ...puts.acknowledgedSince(0),
    ]),
    ...await puts.findings(servers.url(0), stated),
    { ...none("puts under way that were refused later than in 5 s", late), stated },
    timesWithin(
      "acknowledgements again after two of three NATS servers were away",
      [again],
      AGAIN_AFTER_TWO,
      stated,
    ),
  ];
}

if (import.meta.main) {
  const { NATS_KILLS: natsKills, DSMQ_KILLS: dsmqKills, SEED: seed } = argumentsOrExit({
    NATS_KILLS: 20,
    DSMQ_KILLS: 20,
    SEED: 1,
  });
  const options = { natsKills, dsmqKills, twoAway: 12_000, seed };
  report("Servers of a shared queue killed", await replicatedKills(options));
}
