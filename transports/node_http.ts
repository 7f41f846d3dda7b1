/**
 * Requests and responses of `node:http`, as the `Request` and `Response` of the web.
 *
 * @module
 */

import { IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { MAX_HOST_LENGTH, MAX_URL_LENGTH } from "../protocol/websocket.ts";
import type { Pacer } from "./pacer.ts";
import { UnansweredRequests } from "./node_unanswered_requests.ts";
import type { Peer, PeerEvents } from "./peer.ts";
import type { ConnectionHandler } from "./transport.ts";

/** How large the headers of a request may be, in bytes: 64 KiB, and some room for the request line. */
export const HEADER_BYTES = 80 * 1024;

/** How many headers a request may have; `Deno.serve` has the same limit. */
export const MAX_HEADERS = 128;

/**
 * The headers that the server needs. Others are not copied: making a `Request` takes a time that grows with the square of
 * the number of its headers, and thousands can be in one request.
 */
const COPIED_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "host",
  "origin",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "upgrade",
]);

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

/** A body may come in `free` parts, and one more for every `bytes`: a packet of 64 KiB can hold 10,000. */
const MAX_PARTS = { free: 256, bytes: 1024 };

const unansweredRequests = new UnansweredRequests();

/**
 * A request, unless too many before it wait. A packet can hold thousands, and making an object of each takes long. On Deno
 * an exception here stops the parser.
 */
export class BoundedRequest extends IncomingMessage {
  #parts = 0;
  #bytes = 0;

  /** Creates it as `node:http` does. */
  constructor(socket: Socket) {
    if (unansweredRequests.tooMany(socket)) throw new Error("too many requests wait");
    super(socket);
  }

  /** Nothing reads a body: it is dropped, and a body in tiny parts is not read to its end, because each part takes time. */
  override push(part: Uint8Array | null): boolean {
    if (part === null) return super.push(null);
    this.#bytes += part.length;
    if (++this.#parts > MAX_PARTS.free + this.#bytes / MAX_PARTS.bytes) this.socket.destroy();
    return true;
  }
}

/** Answers requests that are not for a WebSocket, a few at a time. */
export async function respondHttp(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: ConnectionHandler,
  pacer: Pacer,
): Promise<void> {
  const { socket } = incoming;
  // The rest of a packet is still parsed after its connection was destroyed.
  if (socket.destroyed) return;
  unansweredRequests.add(socket, outgoing);
  // Nothing reads a body. If it were not dropped, its connection would stand still, and not see its end either.
  incoming.resume();
  try {
    const wait = pacer.wait();
    if (wait) await wait;
    if (socket.destroyed) return;
    const { status, headers, body } = await readResponse(await getResponse(incoming, handler));
    const length = status === 204 ? {} : { "content-length": `${body.length}` };
    outgoing.writeHead(status, { ...headers, ...length });
    outgoing.end(incoming.method === "HEAD" ? undefined : body);
  } catch (error) {
    handler.onError(error);
    outgoing.destroy();
  }
}

/** Asks the server whether a request for a WebSocket is admitted. */
export async function admitUpgrade(
  incoming: IncomingMessage,
  handler: ConnectionHandler,
): Promise<Response | ((peer: Peer) => PeerEvents)> {
  const request = toRequest(incoming);
  return request instanceof Request
    ? await guarded(handler, () => handler.admit(request, incoming.socket.remoteAddress ?? ""))
    : badRequest(handler, request, incoming.socket);
}

/** Asks the server for a response. */
export async function getResponse(
  incoming: IncomingMessage,
  handler: ConnectionHandler,
): Promise<Response> {
  const request = toRequest(incoming);
  return request instanceof Request
    ? await guarded(handler, () => handler.http(request, incoming.socket.remoteAddress ?? ""))
    : badRequest(handler, request, incoming.socket);
}

async function guarded<T>(
  handler: ConnectionHandler,
  call: () => T | Promise<T>,
): Promise<T | Response> {
  try {
    return await call();
  } catch (error) {
    handler.onError(error);
    return new Response("Internal error\n", { status: 500 });
  }
}

/** Why something is not a valid request, and the status for that. */
interface BadRequest {
  readonly status: 400 | 414 | 431;
  readonly reason: string;
}

/** The request as the web has it, or why it is invalid. Its body is ignored. */
function toRequest(incoming: IncomingMessage): Request | BadRequest {
  const { method = "GET", url = "/", rawHeaders, socket } = incoming;
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return { status: 431, reason: `it has more than ${MAX_HEADERS} headers` };
  }
  if (url.length > MAX_URL_LENGTH) {
    return { status: 414, reason: `its address has more than ${MAX_URL_LENGTH} characters` };
  }
  try {
    const headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase();
      if (COPIED_HEADERS.has(name)) headers.append(name, rawHeaders[i + 1]!);
    }
    const scheme = "encrypted" in socket ? "https" : "http";
    // Some clients send the whole URL, as to a proxy.
    const path = url.startsWith("/") ? url : URL.parse(url)?.pathname ?? "/";
    const host = headers.get("host") || "localhost";
    // Parsing a long name takes time that grows with the square of its length.
    if (host.length <= MAX_HOST_LENGTH) {
      return new Request(`${scheme}://${host}${path}`, { method, headers });
    }
  } catch {
    // With its Host the URL may be invalid.
  }
  return { status: 400, reason: "its Host or another header is invalid" };
}

function badRequest(
  handler: ConnectionHandler,
  { status, reason }: BadRequest,
  socket: Socket,
): Response {
  handler.onRefused(`Cannot read a request: ${reason}`, socket.remoteAddress ?? "");
  return new Response(`Cannot read the request: ${reason}\n`, { status });
}

/**
 * Responds on a connection that is of no further use, and ends it. It is destroyed only after a while: input that comes
 * meanwhile is dropped, because a reset would take the response away from the client.
 */
export async function respondAndClose(socket: Socket, response: Response): Promise<void> {
  const { status, headers, body } = await readResponse(response);
  const headerLines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
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
  if (unansweredRequests.tooMany(socket)) {
    const reason = "too many earlier requests of its connection wait for their responses";
    handler.onRefused(`Cannot answer a request: ${reason}`, from);
    return void socket.destroy();
  }
  const isTimeout = code === REQUEST_TIMEOUT_CODE;
  // A client that hangs up needs no response, nor one that has asked for nothing.
  if (!socket.writable || code === "ECONNRESET" || (isTimeout && socket.bytesRead === 0)) {
    return void socket.destroy();
  }
  const { status, why: reason } = isTimeout
    ? { status: 408, why: "it took too long" }
    : code === "HPE_HEADER_OVERFLOW"
    ? { status: 431, why: `its headers are larger than ${HEADER_BYTES} bytes` }
    : rawPacket?.[0] === TLS_RECORD
    ? {
      status: 400,
      why: "it is TLS, but this port has no TLS: connect with ws: or http:",
    }
    : { status: 400, why: `it is not HTTP/1.1${parserDetail(message)}` };
  handler.onRefused(`Cannot read a request: ${reason}`, from);
  afterResponses(socket, () => {
    void respondAndClose(socket, new Response(`Cannot read the request: ${reason}\n`, { status }));
  });
}

/**
 * Goes on once all earlier requests of a connection have their responses. If the client does not read them, it is cut off.
 *
 * @param socket the connection
 * @param resume is called once; at once, if nothing waits
 */
export function afterResponses(socket: Socket, resume: () => void): void {
  if (!unansweredRequests.hasWaiting(socket)) return resume();
  const timer = setTimeout(() => socket.destroy(), LINGER);
  unansweredRequests.whenNone(socket, () => {
    clearTimeout(timer);
    if (!socket.destroyed) resume();
  });
}

async function readResponse(
  response: Response,
): Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}
