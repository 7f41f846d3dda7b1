/**
 * A server that says of itself what a test wants, and answers nothing but pings.
 *
 * @module
 */

/** Says hello as NATS does. */
export class FakeNatsServer implements AsyncDisposable {
  /** The `CONNECT` of each client. */
  readonly connects: Record<string, unknown>[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #info: string | undefined;
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;

  /** Says this of itself; nothing at all, if it is `undefined`. */
  constructor(info: Readonly<Record<string, unknown>> | undefined) {
    const { host, port } = this;
    this.#info = info && JSON.stringify({
      ...{ server_id: "FAKE", server_name: "fake", version: "2.15.1", proto: 1, headers: true },
      ...{ max_payload: 1048576, host, port, ...info },
    });
    this.#accepting = this.#accept();
  }

  /** Where clients find it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** See {@linkcode host}. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    try {
      for await (const conn of this.#listener) {
        this.#conns.add(conn);
        this.#serving.push(this.#serve(conn));
      }
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const write = (text: string) => conn.write(new TextEncoder().encode(`${text}\r\n`));
    try {
      if (this.#info !== undefined) await write(`INFO ${this.#info}`);
      let text = "";
      for await (const bytes of conn.readable) {
        const lines = (text + new TextDecoder().decode(bytes)).split("\r\n");
        text = lines.pop()!;
        for (const line of lines) {
          if (line === "PING") await write("PONG");
          if (line.startsWith("CONNECT ")) this.connects.push(JSON.parse(line.slice(8)));
        }
      }
    } catch {
      // One of the two was closed.
    }
    this.#conns.delete(conn);
  }
}
