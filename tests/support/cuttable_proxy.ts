/**
 * A connection between a client and a server that a test can cut.
 *
 * @module
 */

/** Forwards bytes between its clients and a port of this machine. */
export class CuttableProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #forwarding: Promise<unknown>[] = [];
  readonly #accepting: Promise<void>;
  #dropping = false;

  /** Forwards to this port. */
  constructor(port: number) {
    this.#accepting = this.#accept(port);
  }

  /** Where to connect. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** From now on nothing that the client sends arrives. */
  dropUpstream(): void {
    this.#dropping = true;
  }

  /** Ends all connections without a close frame. */
  cut(): void {
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
  }

  /** Ends all connections and accepts no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#forwarding);
  }

  async #accept(port: number): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({ hostname: "127.0.0.1", port });
        this.#conns.add(client).add(server);
        this.#forwarding.push(
          this.#forward(client, server, () => this.#dropping),
          this.#forward(server, client, () => false),
        );
      }
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #forward(from: Deno.TcpConn, to: Deno.TcpConn, dropping: () => boolean): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        for (let at = 0; at < n && !dropping();) at += await to.write(buffer.subarray(at, n));
      }
      await to.closeWrite();
    } catch {
      // One of the two was closed.
    }
  }
}
