/**
 * A TCP proxy that behaves like a bad network: it cuts connections at any byte, loses data in flight, delays
 * it, and splits it.
 *
 * @module
 */

/** The faults of one connection. */
export interface Faults {
  /** It is cut after this many bytes from the client to the server. */
  readonly cutAfterUp?: number;
  /** It is cut after this many bytes from the server to the client. */
  readonly cutAfterDown?: number;
  /** The client gets this many bytes; later data from the server is lost, although the server still receives. */
  readonly dropAfterDown?: number;
  /** How long each chunk is delayed, in milliseconds. */
  readonly delay?: number;
  /** The largest chunk that is passed on at a time, in bytes. */
  readonly piece?: number;
}

/** Passes bytes on between its clients and a port of this machine. */
export class FaultyProxy implements AsyncDisposable {
  /** The address that clients connect to. */
  target: number;
  /** How many connections were cut by a fault. */
  cuts = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #faults: (connection: number) => Faults;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #forwarding = new Set<Promise<unknown>>();
  readonly #accepting: Promise<void>;
  #connections = 0;

  /**
   * Opens the proxy.
   *
   * @param target the port to pass on to
   * @param faults the faults of each connection, counted from 0
   */
  constructor(target: number, faults: (connection: number) => Faults = () => ({})) {
    this.target = target;
    this.#faults = faults;
    this.#accepting = this.#accept();
  }

  /** The URL to connect to. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** How many have connected. */
  get connections(): number {
    return this.#connections;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const conn of this.#conns) close(conn);
    this.#conns.clear();
  }

  /** Cuts all connections and accepts no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#forwarding);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        client.setNoDelay(true);
        this.#track(this.#join(client, this.#faults(this.#connections++)));
      }
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #join(client: Deno.TcpConn, faults: Faults): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
    } catch {
      // Nobody is there.
      return close(client);
    }
    server.setNoDelay(true);
    this.#conns.add(client).add(server);
    const cut = () => {
      this.cuts++;
      this.#end(client, server);
    };
    const { cutAfterUp, cutAfterDown, dropAfterDown } = faults;
    await Promise.all([
      pass(client, server, faults, { cutAfter: cutAfterUp, dropAfter: undefined, cut }),
      pass(server, client, faults, { cutAfter: cutAfterDown, dropAfter: dropAfterDown, cut }),
    ]);
    this.#end(client, server);
  }

  #end(client: Deno.TcpConn, server: Deno.TcpConn): void {
    for (const conn of [client, server]) {
      this.#conns.delete(conn);
      close(conn);
    }
  }

  #track(work: Promise<unknown>): void {
    this.#forwarding.add(work);
    void work.finally(() => this.#forwarding.delete(work));
  }
}

interface Direction {
  readonly cutAfter: number | undefined;
  readonly dropAfter: number | undefined;
  cut(): void;
}

/** Passes bytes on in one direction until its end. */
async function pass(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  { delay = 0, piece = 64 * 1024 }: Faults,
  { cutAfter = Infinity, dropAfter = Infinity, cut }: Direction,
): Promise<void> {
  const buffer = new Uint8Array(piece);
  let passed = 0;
  try {
    for (let n; (n = await from.read(buffer)) !== null;) {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      const whole = passed + n <= Math.min(cutAfter, dropAfter);
      const end = whole ? n : Math.max(0, Math.min(cutAfter, dropAfter) - passed);
      for (let at = 0; at < end;) at += await to.write(buffer.subarray(at, end));
      passed += n;
      if (passed >= cutAfter) return cut();
    }
    await to.closeWrite();
  } catch {
    // One of the two was closed.
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is already closed.
  }
}
