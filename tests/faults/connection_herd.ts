/**
 * Thousands of raw connections that act at the same moment.
 *
 * @module
 */

import { upgradeRequest } from "../support/raw_socket.ts";
import type { Cost } from "./attack_runner.ts";

/** Connections that are accepted, and act together. */
export class ConnectionHerd implements Disposable {
  readonly #conns: Deno.TcpConn[] = [];
  #sent = 0;

  /** Opens this many. If they read, they discard what comes. */
  static async open(port: number, count: number, reads = true): Promise<ConnectionHerd> {
    const herd = new ConnectionHerd();
    let remaining = count;
    await Promise.all(Array.from({ length: 50 }, async () => {
      while (remaining-- > 0) await herd.#join(port, reads);
    }));
    return herd;
  }

  async #join(port: number, reads: boolean): Promise<void> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(upgradeRequest()));
    const buffer = new Uint8Array(1024);
    await conn.read(buffer);
    this.#conns.push(conn);
    if (!reads) return;
    void (async () => {
      while (await conn.read(buffer).catch(() => null) !== null);
    })();
  }

  /** Each sends its own frame. */
  async send(frame: (index: number) => Uint8Array): Promise<void> {
    await Promise.all(this.#conns.map(async (conn, index) => {
      const bytes = frame(index);
      this.#sent += bytes.length;
      await conn.write(bytes).catch(() => {});
    }));
  }

  /** What the attack cost its clients. */
  cost(seen = ""): Cost {
    return { connections: this.#conns.length, bytes: this.#sent, seen };
  }

  /** Disconnects all of them at once. */
  cut(): void {
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It was already closed.
      }
    }
  }

  [Symbol.dispose](): void {
    this.cut();
  }
}
