/**
 * HTTP as it is written, byte by byte.
 *
 * @module
 */

import { RawSocket } from "./raw_socket.ts";
import { withTimeout } from "./with_timeout.ts";

/** The response. */
export interface HttpReply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends something, with an empty line behind it, and reads the response. */
export async function httpRequest(port: number, what: string | Uint8Array): Promise<HttpReply> {
  using client = await RawSocket.connect(port);
  // The server may close before it has read all.
  await client.send(typeof what === "string" ? `${what}\r\n\r\n` : what).catch(() => {});
  const head = await withTimeout(client.head());
  const hasNoBody = head.startsWith("HTTP/1.1 101") || what.toString().startsWith("HEAD");
  const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
  const body = await withTimeout(client.text(hasNoBody ? 0 : length));
  return { status: Number(head.split(" ")[1]), head, body };
}

/** The header that names the host. */
export const HOST = "Host: localhost";
