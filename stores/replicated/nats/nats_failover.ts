/**
 * Leaves a server of NATS that is cut off from the others.
 *
 * Such a server takes connections, and what is published, and nothing comes of it. Whether it is that, or the stream has no leader just
 * now, it does not say itself. So while it owes an answer an empty record is appended by way of each server, again and again: the first
 * that gets it acknowledged is used from now on.
 *
 * @module
 */

import type { NatsAddress } from "./nats_address.ts";
import { NatsConnection } from "./nats_connection.ts";
import type { NatsPackages } from "./nats_packages.ts";
import { NatsPublisher } from "./nats_publisher.ts";

/** For how long it is looked for another server, in milliseconds. */
const SEARCH_TIME = 4000;

/** At most so many servers are tried. */
const MAX_SERVERS = 10;

/** How often something is appended by way of each server, and how long the present one may be slower than another, in milliseconds. */
const PROBE_EVERY = 500;

/** Looks for a better server. */
export class NatsFailover implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #address: NatsAddress;
  readonly #nats: NatsPackages;
  #searching: Promise<void> | undefined;
  #stop: () => void = () => {};

  /** Watches a connection to one of the servers of an address. */
  constructor(connection: NatsConnection, address: NatsAddress, nats: NatsPackages) {
    this.#connection = connection;
    this.#address = address;
    this.#nats = nats;
    connection.onOverdue(() => this.#onOverdue());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.onOverdue(() => {});
    this.#stop();
    await this.#searching;
  }

  /** Those of the address, and those of which the present one has told. */
  get #servers(): readonly string[] {
    const { connect_urls: others = [] } = this.#connection.client.info ?? {};
    return [...new Set([...this.#address.servers, ...others])].slice(0, MAX_SERVERS);
  }

  #onOverdue(): void {
    if (this.#searching || this.#servers.length === 1) return;
    this.#searching = this.#search().finally(() => this.#searching = undefined);
  }

  async #search(): Promise<void> {
    const current = this.#connection.server.toLowerCase();
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const timers = [setTimeout(() => resolve(undefined), SEARCH_TIME)];
    const stop = new AbortController();
    this.#stop = () => resolve(undefined);
    const onAcknowledged = (server: string) => {
      if (server.toLowerCase() === current) resolve(undefined);
      else timers.push(setTimeout(() => resolve(server), PROBE_EVERY));
    };
    const probing = this.#servers.map((server) => this.#probe(server, stop.signal, onAcknowledged));
    const better = await promise;
    stop.abort();
    for (const timer of timers) clearTimeout(timer);
    if (better !== undefined) this.#connection.moveTo(better);
    await Promise.all(probing);
  }

  /** Appends by way of a server until that is acknowledged. */
  async #probe(
    server: string,
    signal: AbortSignal,
    onAcknowledged: (server: string) => void,
  ): Promise<void> {
    try {
      const address = { ...this.#address, servers: [server] };
      await using connection = await NatsConnection.open(address, this.#nats);
      using publisher = new NatsPublisher(connection, this.#nats, address.name);
      const done = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => done.resolve());
      if (signal.aborted) return;
      const append = () =>
        publisher.append(new Uint8Array(0)).then(() => {
          onAcknowledged(server);
          done.resolve();
        }, () => {});
      append();
      const timer = setInterval(append, PROBE_EVERY);
      await done.promise;
      clearInterval(timer);
    } catch {
      // It cannot be reached.
    }
  }
}
