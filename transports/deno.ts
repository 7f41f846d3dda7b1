/**
 * The transport built into Deno: a port of `Deno.serve`, and its WebSockets.
 * The port stays open even where `Deno.serve` gives up.
 *
 * @module
 */

import { type FetchHandler, openFetch } from "./deno_fetch.ts";
import { headResponse } from "./head_response.ts";
import type { ConnectionHandler, ListenAddress, Listener, PeerLimits } from "./transport.ts";
import { PortReopener } from "./port_reopener.ts";
import { ReaderCut } from "./slow_peer_monitor.ts";
import { transportProblem } from "./transport_problem.ts";

/** How long the system may take to free a closed port, in milliseconds: mostly it takes less than 20. */
const RELEASE_TIMEOUT = 5000;

type Server = Deno.HttpServer<Deno.NetAddr>;

/**
 * `Deno.serve` ends for good at the first connection that it cannot accept (too many open files), and only `finished` tells
 * so; its WebSockets continue. So it is opened again.
 */
class DenoPort {
  readonly #host: string;
  readonly #requests: FetchHandler;
  readonly #connectionHandler: ConnectionHandler;
  readonly #reopener: PortReopener;
  #tls: ListenAddress["tls"];
  #server: Server;
  /**
   * Ends each server that may have connections: one that has failed may. That is the only way to end those of peers that do
   * nothing. `shutdown()` would wait for them, and not let them be ended any more: then to abort throws, and in a listener
   * of Deno's, where nobody can catch it.
   */
  readonly #aborters = new Map<Server, AbortController>();
  #isOpen = false;
  #stopped = false;

  /** Opens it; throws the error of the system if it cannot. */
  constructor(
    { host, port, tls }: ListenAddress,
    requests: FetchHandler,
    connectionHandler: ConnectionHandler,
  ) {
    this.#host = host;
    this.#tls = tls;
    this.#requests = requests;
    this.#connectionHandler = connectionHandler;
    this.#reopener = new PortReopener(() => {
      // A renewal may have opened it meanwhile.
      if (!this.#isOpen) this.#open(this.addr.port);
    }, connectionHandler);
    this.#server = this.#open(port);
  }

  /** Its address. */
  get addr(): Deno.NetAddr {
    return this.#server.addr;
  }

  /**
   * Uses another certificate for new connections. `Deno.serve` keeps the one that it began with, so its port is closed with
   * all its connections (1001): their peers come back to the new port.
   */
  async renew(tls: NonNullable<ListenAddress["tls"]>): Promise<void> {
    const { port } = this.addr;
    const previous = this.#tls;
    this.#tls = tls;
    await this.#requests.closeAll();
    this.#abort();
    try {
      await this.#reopen(port);
    } catch (error) {
      this.#tls = previous;
      await this.#reopen(port).catch((reason) => this.#onFailed(reason));
      throw error;
    } finally {
      if (!this.#stopped) this.#requests.resume();
    }
  }

  /** Closes it and all connections. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reopener.stop();
    await this.#requests.stop();
    this.#abort();
    await this.#server.finished.catch(() => {});
  }

  #abort(): void {
    const aborters = [...this.#aborters.values()];
    this.#aborters.clear();
    this.#isOpen = false;
    for (const aborter of aborters) aborter.abort();
  }

  #open(port: number): Server {
    const aborter = new AbortController();
    const server = Deno.serve(
      {
        hostname: this.#host,
        port,
        ...this.#tls,
        signal: aborter.signal,
        onListen: () => {},
        onError: (error) => this.#failed(error),
      },
      (request, { remoteAddr: { hostname } }) =>
        request.method === "HEAD"
          ? this.#answerHead(request, hostname)
          : this.#requests.fetch(request, hostname),
    );
    this.#aborters.set(server, aborter);
    server.finished.then(() => this.#aborters.delete(server), (error: Error) => {
      if (server === this.#server && this.#aborters.has(server)) this.#onFailed(error);
    });
    this.#isOpen = true;
    return this.#server = server;
  }

  async #answerHead(request: Request, from: string): Promise<Response> {
    try {
      return await headResponse(await this.#requests.fetch(request, from));
    } catch (error) {
      return await headResponse(this.#failed(error));
    }
  }

  #failed(error: unknown): Response {
    // Of a response whose client was cut off nobody needs to know more.
    if (!(error instanceof ReaderCut)) this.#connectionHandler.onError(error);
    return transportProblem(500, "The server failed: its log says more");
  }

  #onFailed({ message }: Error): void {
    this.#isOpen = false;
    this.#reopener.onPortFailed(message.replace(/^Error: /, ""));
  }

  /** Opens a port that is about to become free, unless somebody else has opened it. */
  async #reopen(port: number): Promise<void> {
    for (let waited = 0; !this.#isOpen && !this.#stopped; waited++) {
      try {
        this.#open(port);
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
  const port = new DenoPort(address, requests, handler);
  const { hostname } = port.addr;
  return {
    host: hostname,
    port: port.addr.port,
    renew: (tls) => port.renew(tls),
    stop: () => port.stop(),
  };
}
