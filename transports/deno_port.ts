/**
 * A port that `Deno.serve` keeps open, also where that gives up.
 *
 * @module
 */

import { PortReopener } from "./port_reopener.ts";
import type { ConnectionHandler, ListenAddress } from "./transport.ts";

/** For how long requests may go on whose port was closed for another certificate, in milliseconds. */
const SHUTDOWN_TIMEOUT = 2000;

/** For how long the system may take to free a port that was closed, in milliseconds: mostly it takes fewer than 20. */
const RELEASE_TIMEOUT = 5000;

type Server = Deno.HttpServer<Deno.NetAddr>;

/**
 * `Deno.serve` ends for good at the first connection that it cannot accept (too many open files), and says so
 * by `finished` alone; its WebSockets go on. So it is opened again.
 */
export class DenoPort {
  readonly #host: string;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly #connectionHandler: ConnectionHandler;
  readonly #reopener: PortReopener;
  #tls: ListenAddress["tls"];
  #server: Server;
  /** How to end each that may have connections: one that has died may. */
  readonly #aborters = new Map<Server, AbortController>();
  #failed = false;
  #stopped = false;

  /** Opens it; throws what the system says if it cannot. */
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

  /** Where it is. */
  get addr(): Deno.NetAddr {
    return this.#server.addr;
  }

  /**
   * Has new connections get another certificate. What `Deno.serve` began with it keeps, and to close its port is
   * to close its WebSockets (1001): their peers come back to the new one.
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
    // Not shutdown(): it waits for the end of every request's body, which may never come.
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

  /** Opens a port that is just being freed. */
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
