/**
 * A way to a server on which the first answers are lost.
 *
 * @module
 */

/** Forwards requests to a port of this machine, and disconnects the first clients instead of answering them. */
export class LostAnswers implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #forwarding: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #lost = 0;

  /**
   * Starts to forward.
   *
   * @param port of the server
   * @param count how many connections end once the server has answered
   */
  constructor(port: number, count: number) {
    this.#accepting = this.#accept(port, count);
  }

  /** Where to send requests, such as `http://127.0.0.1:4711`. */
  get origin(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** How many answers were lost. */
  get lost(): number {
    return this.#lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#forwarding);
  }

  async #accept(port: number, count: number): Promise<void> {
    let accepted = 0;
    try {
      for await (const client of this.#listener) {
        this.#forwarding.push(this.#forward(client, port, accepted++ < count));
      }
    } catch {
      // The listener was closed while it waited.
    }
  }

  async #forward(client: Deno.TcpConn, port: number, isLost: boolean): Promise<void> {
    using _client = client;
    using server = await Deno.connect({ hostname: "127.0.0.1", port });
    const sending = client.readable.pipeTo(server.writable, { preventCancel: true }).catch(
      () => {},
    );
    if (isLost) {
      await server.read(new Uint8Array(1));
      this.#lost++;
      return;
    }
    await server.readable.pipeTo(client.writable).catch(() => {});
    await sending;
  }
}
