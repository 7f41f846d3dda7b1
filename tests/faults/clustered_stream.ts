/**
 * The stream of a cluster of NATS: which server leads it, and whether all have it.
 *
 * @module
 */

import { NatsOperator } from "../support/nats_logs.ts";
import type { NatsCluster, NatsServer } from "../support/nats_server.ts";
import { until } from "./sleep.ts";

/** How long it may take until the stream has a leader, or all of its copies, in milliseconds. */
const TIMEOUT = 60_000;

/** How long a server may take to take a connection, in milliseconds: it may be cut off. */
const DIAL_TIMEOUT = 1000;

/** A stream of three servers. */
export class ClusteredStream {
  readonly #cluster: NatsCluster;
  readonly #name: string;

  /** The stream of this name. */
  constructor(cluster: NatsCluster, name: string) {
    this.#cluster = cluster;
    this.#name = name;
  }

  /** The server that leads the stream, or the first one that does not. */
  async find(leads: boolean): Promise<NatsServer> {
    const { servers } = this.#cluster;
    let found: NatsServer | undefined;
    await until(
      async () => {
        const leader = (await this.#info())?.leader;
        if (!servers.some(({ name }) => name === leader)) return false;
        found = servers.find(({ name }) => (name === leader) === leads);
        return found !== undefined;
      },
      TIMEOUT,
      100,
    );
    if (!found) throw new Error("the stream has no leader");
    return found;
  }

  /** Waits until all servers have all records: else one more that is lost takes the majority away. */
  async inSync(): Promise<void> {
    const isInSync = await until(
      async () => {
        const info = await this.#info();
        return info?.leader !== undefined && info.replicas?.length === 2 &&
          info.replicas.every(({ current, offline }) => current && offline !== true);
      },
      TIMEOUT,
      100,
    );
    if (!isInSync) throw new Error("the stream has not got all of its copies back");
  }

  async #info() {
    try {
      const options = { timeout: DIAL_TIMEOUT };
      await using operator = await NatsOperator.connect(this.#cluster.hosts, options);
      return (await operator.manager.streams.info(this.#name)).cluster;
    } catch {
      // The leader changes just now.
      return undefined;
    }
  }
}
