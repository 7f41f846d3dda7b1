/**
 * A port that `Deno.serve` keeps open, also where that gives up.
 *
 * @module
 */

import { Reopening } from "./reopening.ts";
import type { Address, House } from "./transport.ts";

/** For how long requests may go on whose port was closed for another certificate, in milliseconds. */
const GRACE = 2000;

/** For how long the system may take to free a port that was closed, in milliseconds: mostly it takes fewer than 20. */
const FREED_WITHIN = 5000;

type Server = Deno.HttpServer<Deno.NetAddr>;

/**
 * `Deno.serve` ends for good at the first connection that it cannot accept (too many open files), and says so
 * by `finished` alone; its WebSockets go on. So it is opened again.
 */
export class DenoPort {
  readonly #host: string;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly #house: House;
  readonly #reopening: Reopening;
  #tls: Address["tls"];
  #server: Server;
  /** How to end each that may have connections: one that has died may. */
  readonly #ends = new Map<Server, AbortController>();
  #dead = false;
  #stopped = false;

  /** Opens it; throws what the system says if it cannot. */
  constructor(
    { host, port, tls }: Address,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    house: House,
  ) {
    this.#host = host;
    this.#tls = tls;
    this.#handler = handler;
    this.#house = house;
    this.#reopening = new Reopening(() => {
      // A renewal may have opened it meanwhile.
      if (this.#dead) this.#open(this.addr.port);
    }, house);
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
  async renew(tls: NonNullable<Address["tls"]>): Promise<void> {
    const [old, before] = [this.#server, this.#tls];
    this.#tls = tls;
    const late = setTimeout(() => this.#ends.get(old)?.abort(), GRACE);
    old.shutdown().catch(() => {}).finally(() => clearTimeout(late));
    try {
      await this.#takeOver(this.addr.port);
    } catch (error) {
      this.#tls = before;
      await this.#takeOver(this.addr.port).catch((why) => this.#died(why));
      throw error;
    }
  }

  /** Closes it and all connections. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reopening.stop();
    // Not shutdown(): it waits for the end of every request's body, which may never come.
    for (const end of this.#ends.values()) end.abort();
    await this.#server.finished.catch(() => {});
  }

  #open(port: number): Server {
    const end = new AbortController();
    const server = Deno.serve({
      hostname: this.#host,
      port,
      ...this.#tls,
      signal: end.signal,
      onListen: () => {},
      onError: (error) => {
        this.#house.failed(error);
        return new Response("Internal error\n", { status: 500 });
      },
    }, this.#handler);
    this.#ends.set(server, end);
    server.finished.then(() => this.#ends.delete(server), (error: Error) => {
      if (server === this.#server) this.#died(error);
    });
    this.#dead = false;
    return this.#server = server;
  }

  #died({ message }: Error): void {
    this.#dead = true;
    this.#reopening.died(message.replace(/^Error: /, ""));
  }

  /** Opens a port that is just being freed. */
  async #takeOver(port: number): Promise<void> {
    for (let waited = 0; !this.#stopped; waited++) {
      try {
        this.#open(port);
        return;
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || waited > FREED_WITHIN) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
}
