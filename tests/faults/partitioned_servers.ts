/**
 * Servers of NATS and of dsmq on a network of their own that are cut off from each other, and what their clients see.
 *
 * This file is a program that must run within `OWN_NETWORK`: its argument is {@linkcode PartitionOptions} as JSON, and it prints what it
 * found, as JSON. It ends once its standard input does. Without an argument it loads what cannot be had from within there.
 *
 * @module
 */

import { loadNats } from "../../stores/replicated/nats/nats_packages.ts";
import { seeded } from "../../testing/seeded.ts";
import { BridgedNetwork } from "../support/bridged_network.ts";
import { NatsCluster } from "../support/nats_server.ts";
import { ClusteredStream } from "./clustered_stream.ts";
import { DsmqServers } from "./dsmq_servers.ts";
import { HttpPuts, REFUSED } from "./http_puts.ts";
import { PARTITION_KINDS, type PartitionKind, type PartitionScene } from "./partition_kinds.ts";
import { type Finding, none } from "./report.ts";
import { sharedFindings, timesWithin } from "./shared_findings.ts";
import { SharedLoad } from "./shared_load.ts";
import { sleep, until } from "./sleep.ts";

/** The options of a run. */
export interface PartitionOptions {
  /** How often something is cut: each of the kinds in turn. */
  readonly partitions: number;
  readonly seed?: number;
  /** For how long something is cut at least, in milliseconds. */
  readonly held: number;
  /** Why times are not promised. Default: they are */
  readonly untimed?: string;
}

/** The name of the stream. */
const STREAM = "partitions";

/** In how long there are acknowledgements again, and all servers serve again; after there was no majority. In milliseconds. */
const [AGAIN, AGAIN_AFTER_NONE] = [10_000, 15_000];

/** How long anything may take before a run is given up, in milliseconds. */
const TIMEOUT = 60_000;

const [NATS, DSMQ] = [["n0", "n1", "n2"], ["d0", "d1", "d2"]] as const;

/** How long it took after healing, and may take, until there were acknowledgements, and until all servers were ready. */
interface Healed {
  readonly again: number[];
  readonly ready: number[];
  readonly goal: number;
}

/** What was seen of all partitions. Times are in milliseconds. */
interface Seen {
  /** Until there were acknowledgements again after each cut, by its kind. */
  readonly cut: Record<string, number[]>;
  /** What was seen after healing, by what was there while it was cut. */
  readonly healed: Record<"a majority" | "no majority", Healed>;
  /** What was acknowledged while nobody could store it. */
  readonly falsely: string[];
  /** Puts that nobody could store, and that were not refused in time. */
  readonly late: string[];
}

class PartitionedServers {
  readonly #network: BridgedNetwork;
  readonly #cluster: NatsCluster;
  readonly #servers: DsmqServers;
  readonly #load: SharedLoad;
  readonly #puts = new HttpPuts();
  readonly #seen: Seen = {
    cut: {},
    healed: {
      "a majority": { again: [], ready: [], goal: AGAIN },
      "no majority": { again: [], ready: [], goal: AGAIN_AFTER_NONE },
    },
    falsely: [],
    late: [],
  };

  constructor(
    network: BridgedNetwork,
    cluster: NatsCluster,
    servers: DsmqServers,
    load: SharedLoad,
  ) {
    this.#network = network;
    this.#cluster = cluster;
    this.#servers = servers;
    this.#load = load;
  }

  /** Cuts something for a while: a dsmq server at which somebody puts, if it is one. */
  async partition(kind: PartitionKind, held: number): Promise<void> {
    const [load, network, seen] = [this.#load, this.#network, this.#seen];
    const stream = new ClusteredStream(this.#cluster, STREAM);
    await stream.inSync();
    const server = this.#servers.indexOf(load.putsAt());
    const scene = await this.#scene(stream, server);
    await kind.prepare?.(scene);
    await kind.cut(scene);
    const from = performance.now();
    const under = load.calls.filter(({ settled }) => settled === undefined);
    const posted = this.#puts.count;
    const reached = this.#servers.urls.filter((_, i) => !kind.isUnreachable || i !== server);
    const again = kind.hasMajority ? load.acknowledgedAgain(TIMEOUT) : undefined;
    await this.#puts.putUntil(reached, Promise.all([again, sleep(held)]));
    if (again) (seen.cut[kind.name] ??= []).push(await again);
    else {
      const acknowledged = load.calls.filter(({ begun, outcome }) =>
        begun > from && typeof outcome === "number"
      );
      const late = under.filter(({ settled = Infinity }) => settled > from + REFUSED);
      seen.falsely.push(
        ...acknowledged.map(({ body }) => body),
        ...this.#puts.acknowledgedSince(posted),
      );
      seen.late.push(...late.map(({ body }) => body));
    }
    await network.heal();
    const healedAt = performance.now();
    const healed = load.acknowledgedAgain(TIMEOUT);
    const areReady = async () => {
      const all = await Promise.all(DSMQ.map((_, i) => this.#servers.isReady(i)));
      return all.every((isReady) => isReady);
    };
    const { again: times, ready } = seen.healed[kind.hasMajority ? "a majority" : "no majority"];
    ready.push(await until(areReady, TIMEOUT) ? performance.now() - healedAt : TIMEOUT);
    times.push(await healed);
  }

  /** What was seen, and what is stored. */
  async findings(stated: string | undefined): Promise<Finding[]> {
    const { cut, healed, falsely, late } = this.#seen;
    return [
      ...Object.entries(cut).map(([name, times]) =>
        timesWithin(`acknowledgements again after the cut: ${name}`, times, AGAIN, stated)
      ),
      none("falsely acknowledged while no majority was there", falsely),
      { ...none("puts under way then that were refused later than in 5 s", late), stated },
      ...Object.entries(healed).flatMap(([what, { again, ready, goal }]) =>
        again.length === 0 ? [] : [
          timesWithin(`acknowledgements again after healing, with ${what}`, again, goal, stated),
          timesWithin(`all servers ready after healing, with ${what}`, ready, goal, stated),
        ]
      ),
      ...await this.#puts.findings(this.#servers.url(0), stated),
      ...await sharedFindings(this.#load),
    ];
  }

  async #scene(stream: ClusteredStream, server: number): Promise<PartitionScene> {
    const host = async (leads: boolean) =>
      NATS[this.#cluster.servers.indexOf(await stream.find(leads))]!;
    const [leader, follower] = [await host(true), await host(false)];
    return {
      ...{ network: this.#network, nats: NATS, leader, follower },
      server: DSMQ[server]!,
      acknowledges: async () => {
        const posted = this.#puts.count;
        await this.#puts.putUntil(this.#servers.urls, Promise.resolve());
        return this.#puts.acknowledgedSince(posted).length === DSMQ.length;
      },
    };
  }
}

/** Makes the networks and starts the servers and the load, cuts, and looks. */
async function run({ partitions, seed = 1, held, untimed }: PartitionOptions): Promise<Finding[]> {
  const random = seeded(seed);
  const network = await BridgedNetwork.create({
    bridges: ["front", "back", "mesh"],
    hosts: {
      ...Object.fromEntries(NATS.map((host) => [host, ["back", "mesh"]])),
      ...Object.fromEntries(DSMQ.map((host) => [host, ["front", "back"]])),
    },
    own: ["front", "back"],
  });
  const places = NATS.map((name) => ({
    host: network.address("back", name),
    routeHost: network.address("mesh", name),
    enter: network.enter(name),
  }));
  await using cluster = await NatsCluster.start({}, places);
  await using servers = await DsmqServers.start({
    store: `nats://${cluster.hosts}/${STREAM}?replicas=3&storage=file`,
    places: DSMQ.map((name) => ({
      host: network.address("front", name),
      enter: network.enter(name),
    })),
  });
  await using load = await SharedLoad.start({ urls: servers.urls, seed });
  await load.acknowledgedAgain(TIMEOUT);
  const all = new PartitionedServers(network, cluster, servers, load);
  for (let i = 0; i < partitions; i++) {
    const kind = PARTITION_KINDS[i % PARTITION_KINDS.length]!;
    await all.partition(kind, held + random(held));
  }
  return await all.findings(untimed);
}

if (import.meta.main) {
  const [options] = Deno.args;
  if (options === undefined) await loadNats();
  else {
    // Whoever started this is gone, or has had enough: all processes in here end with it.
    void Deno.stdin.readable.pipeTo(new WritableStream()).then(() => Deno.exit(1));
    console.log(JSON.stringify(await run(JSON.parse(options))));
    Deno.exit(0);
  }
}
