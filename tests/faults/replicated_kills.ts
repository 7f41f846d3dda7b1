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

import { connect } from "../../mod.ts";
import { seeded } from "../../testing/seeded.ts";
import { NatsOperator } from "../support/nats_logs.ts";
import { NatsCluster, type NatsServer } from "../support/nats_server.ts";
import { argumentsOrExit } from "./arguments.ts";
import { DsmqServers } from "./dsmq_servers.ts";
import { type Finding, none, report } from "./report.ts";
import { sharedFindings } from "./shared_findings.ts";
import { SharedLoad } from "./shared_load.ts";
import { sleep, until } from "./sleep.ts";

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

/** In how long a put is refused that nobody can store, in milliseconds. */
const REFUSED = 5000;

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
  const times: Record<"leader" | "nats" | "dsmq", number[]> = { leader: [], nats: [], dsmq: [] };
  for (let killed = 0; killed < Math.max(natsKills, dsmqKills); killed++) {
    if (killed < natsKills) {
      const leads = killed % 2 === 1;
      const server = await findServer(cluster, leads);
      await server.kill();
      times[leads ? "leader" : "nats"].push(await load.acknowledgedAgain(TIMEOUT));
      await sleep(random(1000));
      await server.run();
      await inSync(cluster);
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
    againIn(what, times, AGAIN, stated);
  return [
    againAfter("after the leader was killed", times.leader),
    againAfter("after another server of NATS was killed", times.nats),
    againAfter("after a dsmq server was killed", times.dsmq),
    ...twoAway === undefined ? [] : await killTwo(cluster, servers, load, twoAway, stated),
    ...await sharedFindings(load),
  ];
}

/** Kills two of three: nothing may be acknowledged, and each put be refused in time. */
async function killTwo(
  cluster: NatsCluster,
  servers: DsmqServers,
  load: SharedLoad,
  away: number,
  stated: string | undefined,
): Promise<Finding[]> {
  const leader = await findServer(cluster, true);
  const second = cluster.servers.find((server) => server !== leader)!;
  await Promise.all([leader.kill(), second.kill()]);
  const from = performance.now();
  const under = load.calls.filter(({ settled }) => settled === undefined);
  const posts: Post[] = [];
  while (performance.now() < from + away) {
    posts.push(...await Promise.all(servers.urls.map((url, i) => post(url, posts.length + i))));
  }
  const falsely = load.calls.filter(({ begun, settled, outcome }) =>
    begun > from && settled !== undefined && typeof outcome === "number"
  );
  const late = under.filter(({ settled = Infinity }) => settled > from + REFUSED);
  await Promise.all([leader.run(), second.run()]);
  const again = await load.acknowledgedAgain(TIMEOUT);
  await inSync(cluster);
  const stored = await bodiesAt(servers.url(0));
  const slowest = Math.max(...posts.map(({ took }) => took));
  return [
    none("two of three NATS servers down: falsely acknowledged", [
      ...falsely,
      ...posts.filter(({ status }) => status < 500),
    ]),
    { what: "puts over HTTP meanwhile", seen: posts.length, good: posts.length >= servers.count },
    { what: "their answers", seen: [...new Set(posts.map(({ code }) => code))].join(), good: true },
    none(
      "said not to be stored, and stored",
      posts.filter(({ code, body }) => code !== "unknown_outcome" && stored.has(body)),
    ),
    {
      what: "the slowest of them",
      seen: `${Math.round(slowest)} ms`,
      good: slowest <= REFUSED,
      stated,
    },
    { ...none("puts under way that were refused later than in 5 s", late), stated },
    againIn("after two of three NATS servers were away", [again], AGAIN_AFTER_TWO, stated),
  ];
}

/** The topic of the puts over HTTP. */
const REFUSED_TOPIC = "refused";

async function bodiesAt(url: string): Promise<Set<string>> {
  await using mq = await connect(url, { since: "start", timeout: TIMEOUT });
  const bodies = new Set<string>();
  for (let message; (message = await mq.read(REFUSED_TOPIC));) bodies.add(message.body);
  return bodies;
}

/** A put over HTTP: its status, the code of its error, and how long it took, in milliseconds. */
interface Post {
  readonly body: string;
  readonly status: number;
  readonly code: string;
  readonly took: number;
}

async function post(url: string, n: number): Promise<Post> {
  const body = `${n}`;
  const begun = performance.now();
  const signal = AbortSignal.timeout(2 * REFUSED);
  try {
    const answer = await fetch(`${url.replace("ws:", "http:")}/topics/${REFUSED_TOPIC}`, {
      ...{ method: "POST", body, signal },
    });
    const { code = "none" } = await answer.json();
    return { body, status: answer.status, code, took: performance.now() - begun };
  } catch (error) {
    return { body, status: 599, code: String(error), took: performance.now() - begun };
  }
}

function againIn(
  when: string,
  times: readonly number[],
  goal: number,
  stated: string | undefined,
): Finding {
  const longest = Math.max(0, ...times);
  const middle = times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
  const seen = `${times.length} times, p50 ${Math.round(middle)} ms, longest ${
    Math.round(longest)
  } ms`;
  return { what: `acknowledgements again ${when}`, seen, good: longest <= goal, stated };
}

/** The server that leads the stream, or the first one that does not. */
async function findServer(cluster: NatsCluster, leads: boolean): Promise<NatsServer> {
  let found: NatsServer | undefined;
  await until(
    async () => {
      const leader = (await streamInfo(cluster))?.leader;
      if (!cluster.servers.some(({ name }) => name === leader)) return false;
      found = cluster.servers.find(({ name }) => (name === leader) === leads);
      return found !== undefined;
    },
    TIMEOUT,
    100,
  );
  if (!found) throw new Error("the stream has no leader");
  return found;
}

/** Waits until all servers of NATS have all records: else one more that is lost takes the majority away. */
async function inSync(cluster: NatsCluster): Promise<void> {
  const isInSync = await until(
    async () => {
      const info = await streamInfo(cluster);
      return info?.leader !== undefined && info.replicas?.length === 2 &&
        info.replicas.every(({ current, offline }) => current && offline !== true);
    },
    TIMEOUT,
    100,
  );
  if (!isInSync) throw new Error("the stream has not got all of its copies back");
}

async function streamInfo({ hosts }: NatsCluster) {
  try {
    await using operator = await NatsOperator.connect(hosts);
    return (await operator.manager.streams.info(STREAM)).cluster;
  } catch {
    // The leader changes just now.
    return undefined;
  }
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
