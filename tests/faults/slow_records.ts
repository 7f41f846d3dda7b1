/**
 * A proxy between a client and a server over TLS, after which no record is complete.
 *
 * @module
 */

/** Passes bytes on as they are; while it withholds, all but the last byte of each read. */
export class SlowRecords implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns: Deno.Conn[] = [];
  withholding = false;

  /** Passes them on to a port. */
  constructor(to: number) {
    void (async () => {
      for await (const here of this.#listener) void this.#join(here, to);
    })().catch(() => {});
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #join(here: Deno.Conn, to: number): Promise<void> {
    const there = await Deno.connect({ hostname: "127.0.0.1", port: to });
    this.#conns.push(here, there);
    void there.readable.pipeTo(here.writable).catch(() => {});
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await here.read(buffer)) !== null;) {
        const passed = this.withholding ? Math.max(0, count - 1) : count;
        for (let at = 0; at < passed;) at += await there.write(buffer.subarray(at, passed));
      }
    } catch {
      // One of them has gone.
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It was already closed.
      }
    }
  }
}
