/**
 * What is answered to requests of `node:http` that cannot be read, and to those that end their connection.
 *
 * @module
 */

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { exchanges } from "./node_http_request.ts";
import type { ConnectionHandler } from "./transport.ts";
import { transportProblem } from "./transport_problem.ts";

/** How large the headers of a request may be, in bytes: 64 KiB, and some room for the request line. */
export const HEADER_BYTES = 80 * 1024;

/** How long a refused client may take to read the response, in milliseconds. */
const LINGER = 1000;

/** How much of its input is dropped meanwhile, in bytes. More is not even read. */
const LINGER_BYTES = 64 * 1024;

/** The first byte of TLS. */
const TLS_RECORD = 22;

/** The code of an error that says that a request took too long. */
export const REQUEST_TIMEOUT_CODE = "ERR_HTTP_REQUEST_TIMEOUT";

/** What was wrong with the input of a client. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
}

/** Connections that got a response to a bad request already. */
const answeredSockets = new WeakSet<Socket>();

/** The detail of a parser error, if there is one. */
function parserDetail(message: string): string {
  const [, detail] = /^Parse Error: (?!Parse Error$)(.+)/.exec(message) ?? [];
  return detail === undefined ? "" : ` (${detail})`;
}

/** Responds to an invalid request, if possible, and reports it. */
export function respondBadRequest(
  error: ClientError,
  socket: Socket,
  handler: ConnectionHandler,
): void {
  const { code = "", message, rawPacket } = error;
  if (answeredSockets.has(socket)) return;
  answeredSockets.add(socket);
  const from = socket.remoteAddress ?? "";
  if (code.startsWith("ERR_SSL") || message.startsWith("TLS")) {
    handler.onRefused(`Cannot begin TLS: ${message}`, from);
    return void socket.destroy();
  }
  if (exchanges.tooMany(socket)) {
    const reason = "too many earlier requests of its connection wait for their responses";
    handler.onRefused(`Cannot answer a request: ${reason}`, from);
    return void socket.destroy();
  }
  const isTimeout = code === REQUEST_TIMEOUT_CODE;
  const mayRespond = exchanges.onUnreadable(socket);
  // A client that hangs up needs no response, nor one that has asked for nothing.
  if (!socket.writable || code === "ECONNRESET" || (isTimeout && socket.bytesRead === 0)) {
    return void socket.destroy();
  }
  const { status, why: reason } = isTimeout
    ? { status: 408 as const, why: "it took too long" }
    : code === "HPE_HEADER_OVERFLOW"
    ? { status: 431 as const, why: `its headers are larger than ${HEADER_BYTES} bytes` }
    : rawPacket?.[0] === TLS_RECORD
    ? {
      status: 400 as const,
      why: "it is TLS, but this port has no TLS: connect with ws: or http:",
    }
    : { status: 400 as const, why: `it is not HTTP/1.1${parserDetail(message)}` };
  handler.onRefused(`Cannot read a request: ${reason}`, from);
  if (!mayRespond) return void socket.destroy();
  afterResponses(socket, () => {
    void respondAndClose(socket, transportProblem(status, `Cannot read the request: ${reason}`));
  });
}

/**
 * Goes on once all earlier requests of a connection have their responses. If the client does not read them, it is cut off.
 *
 * @param socket the connection
 * @param resume is called once; at once, if nothing waits
 */
export function afterResponses(socket: Socket, resume: () => void): void {
  if (!exchanges.hasWaiting(socket)) return resume();
  const timer = setTimeout(() => socket.destroy(), LINGER);
  exchanges.whenNone(socket, () => {
    clearTimeout(timer);
    if (!socket.destroyed) resume();
  });
}

/**
 * Responds on a connection that is of no further use, and ends it. It is destroyed only after a while: input that comes
 * meanwhile is dropped, because a reset would take the response away from the client.
 *
 * @param socket the connection
 * @param response the response, whose body ends
 */
export async function respondAndClose(socket: Socket, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headerLines = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`,
    ...[...response.headers].map(([name, value]) => `${name}: ${value}`),
    "connection: close",
    `content-length: ${body.length}`,
  ];
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once("close", () => clearTimeout(timer));
  let received = 0;
  socket.on("data", ({ length }: Uint8Array) => {
    if ((received += length) > LINGER_BYTES) socket.pause();
  });
  socket.write(`${headerLines.join("\r\n")}\r\n\r\n`);
  socket.end(body);
}
