/**
 * Requests and answers of `node:http` in the words of the web, as the house knows them.
 *
 * @module
 */

import { IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { LONGEST_ADDRESS, LONGEST_HOST } from "../protocol/websocket.ts";
import type { Pace } from "./pace.ts";
import { Unanswered } from "./node_unanswered.ts";
import type { House, Peer, Visit } from "./transport.ts";

/** How much the headers of a request may take, in bytes: 64 KiB, and something for what comes first. */
export const HEADER_BYTES = 80 * 1024;

/** How many headers a request may have; `Deno.serve` has the same limit. */
export const MOST_HEADERS = 128;

/**
 * What the house looks at. Nothing else is copied: to make a `Request` takes a time that grows with the square of how
 * many headers it has, and thousands fit in one.
 */
const LOOKED_AT: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "host",
  "origin",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "upgrade",
]);

/** How long one who is refused may take to read why, in milliseconds. */
const LINGER = 1000;

/** And so much of what it says meanwhile is thrown away, in bytes; more of it is not even read. */
const LINGERING = 64 * 1024;

/** How TLS begins. */
const TLS_RECORD = 22;

/** The code of an error that says that a request did not come in time. */
export const LATE = "ERR_HTTP_REQUEST_TIMEOUT";

/** What was wrong with what a client said. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
}

/** A body may come in so many parts, and in one more for so many bytes of it: a packet of 64 KiB can hold 10,000. */
const PARTS = { free: 256, bytes: 1024 };

const unanswered = new Unanswered();

/**
 * A request, unless too many before it wait. A packet holds thousands, and to make one of each takes long: on Deno, to
 * throw here is to have the parser stop in the middle of it.
 */
export class BoundedRequest extends IncomingMessage {
  #parts = 0;
  #bytes = 0;

  /** Makes it as `node:http` does. */
  constructor(socket: Socket) {
    if (unanswered.tooMany(socket)) throw new Error("too many requests wait");
    super(socket);
  }

  /** Nobody reads a body: nothing of it is kept, and one in tiny parts is not read to its end, for each takes as long. */
  override push(part: Uint8Array | null): boolean {
    if (part === null) return super.push(null);
    this.#bytes += part.length;
    if (++this.#parts > PARTS.free + this.#bytes / PARTS.bytes) this.socket.destroy();
    return true;
  }
}

/** Answers a request that is not for a WebSocket, a few at a time. */
export async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  house: House,
  pace: Pace,
): Promise<void> {
  const { socket } = incoming;
  // What came in one packet is still read when the connection has been cut.
  if (socket.destroyed) return;
  unanswered.add(socket, outgoing);
  // Nobody reads a body. Where it is not thrown away, its connection stands still, and does not see its end either.
  incoming.resume();
  try {
    const turn = pace.turn();
    if (turn) await turn;
    if (socket.destroyed) return;
    const { status, headers, body } = await whole(await replied(incoming, house));
    const length = status === 204 ? {} : { "content-length": `${body.length}` };
    outgoing.writeHead(status, { ...headers, ...length });
    outgoing.end(incoming.method === "HEAD" ? undefined : body);
  } catch (error) {
    house.failed(error);
    outgoing.destroy();
  }
}

/** Asks the house whether somebody may come in. */
export async function admitted(
  incoming: IncomingMessage,
  house: House,
): Promise<Response | ((peer: Peer) => Visit)> {
  const request = asRequest(incoming);
  return request instanceof Request
    ? await guarded(house, () => house.admit(request, incoming.socket.remoteAddress ?? ""))
    : badRequest(house, request, incoming.socket);
}

/** Asks the house for a reply. */
export async function replied(incoming: IncomingMessage, house: House): Promise<Response> {
  const request = asRequest(incoming);
  return request instanceof Request
    ? await guarded(house, () => house.http(request, incoming.socket.remoteAddress ?? ""))
    : badRequest(house, request, incoming.socket);
}

async function guarded<T>(house: House, ask: () => T | Promise<T>): Promise<T | Response> {
  try {
    return await ask();
  } catch (error) {
    house.failed(error);
    return new Response("Internal error\n", { status: 500 });
  }
}

/** Why something makes no request, and the status that says so. */
interface Fault {
  readonly status: 400 | 414 | 431;
  readonly why: string;
}

/** The request in the words of the web, or why it makes none. Nobody is interested in its body. */
function asRequest(incoming: IncomingMessage): Request | Fault {
  const { method = "GET", url = "/", rawHeaders, socket } = incoming;
  if (rawHeaders.length > 2 * MOST_HEADERS) {
    return { status: 431, why: `it has more than ${MOST_HEADERS} headers` };
  }
  if (url.length > LONGEST_ADDRESS) {
    return { status: 414, why: `its address has more than ${LONGEST_ADDRESS} characters` };
  }
  try {
    const headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase();
      if (LOOKED_AT.has(name)) headers.append(name, rawHeaders[i + 1]!);
    }
    const scheme = "encrypted" in socket ? "https" : "http";
    // Some send the whole address, as to a proxy.
    const path = url.startsWith("/") ? url : URL.parse(url)?.pathname ?? "/";
    const host = headers.get("host") || "localhost";
    // Parsing a long name takes time that grows with the square of its length.
    if (host.length <= LONGEST_HOST) {
      return new Request(`${scheme}://${host}${path}`, { method, headers });
    }
  } catch {
    // Its Host may make no address.
  }
  return { status: 400, why: "its Host, or another header, is none" };
}

function badRequest(house: House, { status, why }: Fault, socket: Socket): Response {
  house.refused(`Cannot read a request: ${why}`, socket.remoteAddress ?? "");
  return new Response(`Cannot read the request: ${why}\n`, { status });
}

/**
 * Replies on a connection that is no use for anything else, and ends it. It is cut off only after a while: what
 * comes meanwhile is thrown away, for to cut off one who talks is to take the reply away from it.
 */
export async function refuse(socket: Socket, response: Response): Promise<void> {
  const { status, headers, body } = await whole(response);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
    `content-length: ${body.length}`,
  ];
  const late = setTimeout(() => socket.destroy(), LINGER);
  socket.once("close", () => clearTimeout(late));
  let came = 0;
  socket.on("data", ({ length }: Uint8Array) => {
    if ((came += length) > LINGERING) socket.pause();
  });
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.end(body);
}

/** Those who have been told already what is wrong. */
const told = new WeakSet<Socket>();

/** What the parser says, if it says something. */
function detail(message: string): string {
  const [, said] = /^Parse Error: (?!Parse Error$)(.+)/.exec(message) ?? [];
  return said === undefined ? "" : ` (${said})`;
}

/** Answers what is no request, as far as it can be answered, and says so to the house. */
export function answerBadRequest(error: ClientError, socket: Socket, house: House): void {
  const { code = "", message, rawPacket } = error;
  if (told.has(socket)) return;
  told.add(socket);
  const from = socket.remoteAddress ?? "";
  if (code.startsWith("ERR_SSL") || message.startsWith("TLS")) {
    house.refused(`Cannot begin TLS: ${message}`, from);
    return void socket.destroy();
  }
  if (unanswered.tooMany(socket)) {
    const why = "too many before it on its connection wait to be read";
    house.refused(`Cannot answer a request: ${why}`, from);
    return void socket.destroy();
  }
  const isLate = code === LATE;
  // Who hangs up need not be answered, nor one who has asked for nothing.
  if (!socket.writable || code === "ECONNRESET" || (isLate && socket.bytesRead === 0)) {
    return void socket.destroy();
  }
  const { status, why } = isLate
    ? { status: 408, why: "it did not come in time" }
    : code === "HPE_HEADER_OVERFLOW"
    ? { status: 431, why: `its headers are larger than ${HEADER_BYTES} bytes` }
    : rawPacket?.[0] === TLS_RECORD
    ? {
      status: 400,
      why: "it is one of TLS, which this port does not have: connect with ws: or http:",
    }
    : { status: 400, why: `it is none of HTTP/1.1${detail(message)}` };
  house.refused(`Cannot read a request: ${why}`, from);
  afterAnswers(socket, () => {
    void refuse(socket, new Response(`Cannot read the request: ${why}\n`, { status }));
  });
}

/**
 * Goes on once all that was asked on a connection before has its answers; where nobody reads these, it is cut off.
 *
 * @param socket the connection
 * @param goOn called once; at once, if nothing waits
 */
export function afterAnswers(socket: Socket, goOn: () => void): void {
  if (!unanswered.any(socket)) return goOn();
  const late = setTimeout(() => socket.destroy(), LINGER);
  unanswered.whenNone(socket, () => {
    clearTimeout(late);
    if (!socket.destroyed) goOn();
  });
}

async function whole(
  response: Response,
): Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}
