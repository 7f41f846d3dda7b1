/**
 * The way to a server of NATS, which is cut off from the others when a test says so: it takes what comes, answers pings, and that is all.
 *
 * @module
 */

/** Forwards bytes between its clients and a server of NATS. */
export class NatsProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #forwarding: Promise<unknown>[] = [];
  readonly #accepting: Promise<void>;
  #isCutOff = false;

  /** Forwards to this port. */
  constructor(port: number) {
    this.#accepting = this.#accept(port);
  }

  /** Where clients find it. */
  get host(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** From now on the server hears nothing of its clients, and they hear nothing of it but answers to pings. */
  cutOff(): void {
    this.#isCutOff = true;
  }

  /** It is as before for those who connect from now on. */
  rejoin(): void {
    this.#isCutOff = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    await this.#accepting;
    await Promise.all(this.#forwarding);
  }

  async #accept(port: number): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({ hostname: "127.0.0.1", port });
        this.#conns.add(client).add(server);
        this.#forwarding.push(
          this.#forward(client, server, (bytes) => this.#answer(client, bytes)),
          this.#forward(server, client, () => undefined),
        );
      }
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #forward(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    onLost: (bytes: Uint8Array) => Promise<unknown> | undefined,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        if (this.#isCutOff) await onLost(buffer.subarray(0, n));
        else for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
      await to.closeWrite();
    } catch {
      // One of the two was closed.
    }
  }

  /** A ping is alone, or the last of what was sent at once. */
  #answer(client: Deno.Conn, bytes: Uint8Array): Promise<unknown> | undefined {
    if (!new TextDecoder().decode(bytes).endsWith("PING\r\n")) return undefined;
    return client.write(new TextEncoder().encode("PONG\r\n"));
  }
}
