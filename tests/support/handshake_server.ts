/**
 * Servers that answer a client's handshake as a test tells them to, byte by byte.
 *
 * @module
 */

import { assert, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { withTimeout } from "./with_timeout.ts";

const utf8 = new TextEncoder();

/** The error with which `connect` rejects, and how long that took (ms). */
export async function refusal(
  ...connecting: Parameters<typeof connect>
): Promise<DsmqError & { took: number }> {
  const begin = performance.now();
  const error = await assertRejects(() => withTimeout(connect(...connecting), 9000), DsmqError);
  assert(error.cause instanceof Error, Deno.inspect(error));
  return Object.assign(error, { took: performance.now() - begin });
}

/** Answers each connection with the same bytes, and keeps it open or not; counts the requests. */
export class HandshakeServer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #done: Promise<void>;

  constructor(reply: (request: string, port: number) => string | undefined, keepsOpen = true) {
    this.#done = this.#serve(reply, keepsOpen);
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** The same as an address, with a path. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/mq`;
  }

  async #serve(
    reply: (request: string, port: number) => string | undefined,
    keepsOpen: boolean,
  ): Promise<void> {
    for await (const conn of this.#listener) {
      this.#conns.add(conn);
      const buffer = new Uint8Array(4096);
      const count = await conn.read(buffer).catch(() => 0) ?? 0;
      const request = new TextDecoder().decode(buffer.subarray(0, count));
      this.requests.push(request);
      const bytes = reply(request, this.port);
      if (bytes !== undefined) {
        await conn.write(Uint8Array.from(bytes, (c) => c.charCodeAt(0))).catch(() => {});
      }
      if (!keepsOpen) conn.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done.catch(() => {});
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
    }
  }
}

/** An HTTP response with a text. */
export const response = (status: string, body = "", headers = "") =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${utf8.encode(body).length}\r\n\r\n${body}`;
