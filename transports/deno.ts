/**
 * The transport built into Deno: a port of `Deno.serve`, and its WebSockets.
 * The port stays open even where `Deno.serve` gives up.
 *
 * @module
 */

import { openFetch } from "./deno_fetch.ts";
import type { ConnectionHandler, ListenAddress, Listener, PeerLimits } from "./transport.ts";
import { PortReopener } from "./port_reopener.ts";

/** How long requests may continue after the port was closed for another certificate, in milliseconds. */
const SHUTDOWN_TIMEOUT = 2000;

/** How long the system may take to free a closed port, in milliseconds: mostly it takes less than 20. */
const RELEASE_TIMEOUT = 5000;

type Server = Deno.HttpServer<Deno.NetAddr>;

/**
 * `Deno.serve` ends for good at the first connection that it cannot accept (too many open files), and only `finished` tells
 * so; its WebSockets continue. So it is opened again.
 */
class DenoPort {
  readonly #host: string;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly #connectionHandler: ConnectionHandler;
  readonly #reopener: PortReopener;
  #tls: ListenAddress["tls"];
  #server: Server;
  /** Ends each server that may have connections: one that has failed may. */
  readonly #aborters = new Map<Server, AbortController>();
  #failed = false;
  #stopped = false;

  /** Opens it; throws the error of the system if it cannot. */
  constructor(
    { host, port, tls }: ListenAddress,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    connectionHandler: ConnectionHandler,
  ) {
    this.#host = host;
    this.#tls = tls;
    this.#handler = handler;
    this.#connectionHandler = connectionHandler;
    this.#reopener = new PortReopener(() => {
      // A renewal may have opened it meanwhile.
      if (this.#failed) this.#open(this.addr.port);
    }, connectionHandler);
    this.#server = this.#open(port);
  }

  /** Its address. */
  get addr(): Deno.NetAddr {
    return this.#server.addr;
  }

  /**
   * Uses another certificate for new connections. `Deno.serve` keeps the one that it began with, and closing its port closes
   * its WebSockets (1001): their peers come back to the new port.
   */
  async renew(tls: NonNullable<ListenAddress["tls"]>): Promise<void> {
    const [old, previous] = [this.#server, this.#tls];
    this.#tls = tls;
    const timer = setTimeout(() => this.#aborters.get(old)?.abort(), SHUTDOWN_TIMEOUT);
    old.shutdown().catch(() => {}).finally(() => clearTimeout(timer));
    try {
      await this.#reopen(this.addr.port);
    } catch (error) {
      this.#tls = previous;
      await this.#reopen(this.addr.port).catch((reason) => this.#onFailed(reason));
      throw error;
    }
  }

  /** Closes it and all connections. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reopener.stop();
    // Not shutdown(): it waits for the end of the body of every request, which may never come.
    for (const aborter of this.#aborters.values()) aborter.abort();
    await this.#server.finished.catch(() => {});
  }

  #open(port: number): Server {
    const aborter = new AbortController();
    const server = Deno.serve({
      hostname: this.#host,
      port,
      ...this.#tls,
      signal: aborter.signal,
      onListen: () => {},
      onError: (error) => {
        this.#connectionHandler.onError(error);
        return new Response("Internal error\n", { status: 500 });
      },
    }, this.#handler);
    this.#aborters.set(server, aborter);
    server.finished.then(() => this.#aborters.delete(server), (error: Error) => {
      if (server === this.#server) this.#onFailed(error);
    });
    this.#failed = false;
    return this.#server = server;
  }

  #onFailed({ message }: Error): void {
    this.#failed = true;
    this.#reopener.onPortFailed(message.replace(/^Error: /, ""));
  }

  /** Opens a port that is about to become free. */
  async #reopen(port: number): Promise<void> {
    for (let waited = 0; !this.#stopped; waited++) {
      try {
        this.#open(port);
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || waited > RELEASE_TIMEOUT) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
}

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free, and what TLS needs
 * @param handler what to do with requests and peers
 * @param limits the limits of peers
 * @returns the open port; rejects with `Deno.errors.AddrInUse` if it is taken, and other errors of the system
 */
export async function listen(
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
): Promise<Listener> {
  const requests = await openFetch(handler, limits);
  const port = new DenoPort(
    address,
    (request, { remoteAddr }) => requests.fetch(request, remoteAddr.hostname),
    handler,
  );
  const stop = () => {
    const stopped = port.stop();
    requests.stop();
    return stopped;
  };
  const { hostname } = port.addr;
  return { host: hostname, port: port.addr.port, renew: (tls) => port.renew(tls), stop };
}
