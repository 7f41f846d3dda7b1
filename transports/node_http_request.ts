/**
 * Requests of `node:http`, as the `Request` of the web.
 *
 * @module
 */

import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { MAX_HOST_LENGTH, MAX_URL_LENGTH } from "../protocol/websocket.ts";
import { discard, RequestBody } from "./node_http_body.ts";
import { type HttpExchange, HttpExchanges } from "./node_http_exchanges.ts";

/** How many headers a request may have; `Deno.serve` has the same limit. */
export const MAX_HEADERS = 128;

/**
 * The headers that the server reads. Others are not copied: a list of all headers is made in a time that grows with the square
 * of their number.
 */
export const COPIED_HEADERS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "access-control-request-headers",
  "access-control-request-method",
  "access-control-request-private-network",
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "forwarded",
  "host",
  "idempotency-key",
  "if-none-match",
  "last-event-id",
  "origin",
  "sec-fetch-mode",
  "sec-fetch-site",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "traceparent",
  "tracestate",
  "transfer-encoding",
  "upgrade",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** The headers of messages, which are copied as well. */
export const MESSAGE_HEADER_PREFIX = "dsmq-header-";

/** Methods that a `Request` of the web must not have. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** The requests of all connections that wait for their responses. */
export const exchanges = new HttpExchanges();

/** The request of each connection that is being parsed. */
const currentRequests = new WeakMap<Socket, BoundedRequest>();

/** The request of a connection that is being parsed; `undefined` between two. */
export function currentRequest(socket: Socket): BoundedRequest | undefined {
  return currentRequests.get(socket);
}

/**
 * A request, unless too many before it wait. A packet can hold thousands, and making an object of each takes long. On Deno
 * an exception here stops the parser.
 */
export class BoundedRequest extends IncomingMessage {
  #bytes = 0;
  #length: number | undefined;
  #hasLength = false;
  #body: RequestBody | undefined;
  /** Its client sends the body once it is told to continue. */
  expectsContinue = false;

  /** Creates it as `node:http` does. */
  constructor(socket: Socket) {
    if (exchanges.tooMany(socket)) throw new Error("too many requests wait");
    super(socket);
    currentRequests.set(socket, this);
  }

  /** How many bytes of its body are missing; `undefined` if it comes in chunks. */
  get bytesLeft(): number | undefined {
    if (!this.#hasLength) {
      this.#hasLength = true;
      this.#length = lengthOf(this.rawHeaders);
    }
    return this.#length === undefined ? undefined : this.#length - this.#bytes;
  }

  /** Its body from now on; without this it is dropped. `onRead` is called when it is read for the first time. */
  openBody(onRead: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
    return (this.#body = new RequestBody(this.socket, onRead)).stream;
  }

  /** Its body is complete, or is being read: most likely to its end. */
  get isRead(): boolean {
    return this.complete || this.#body?.isRead === true;
  }

  /** Its body will not be complete, unless it is. */
  failBody(reason: Error): void {
    this.#body?.fail(reason);
  }

  /** Drops the rest of its body. */
  dropBody(): void {
    this.#body?.drop();
  }

  /** A part of the body, which is a copy; `null` at its end. */
  override push(part: Uint8Array<ArrayBuffer> | null): boolean {
    if (part === null) {
      // It would be kept as long as its connection.
      currentRequests.delete(this.socket);
      this.#body?.end();
      return super.push(null);
    }
    this.#bytes += part.length;
    if (this.#body) return this.#body.add(part);
    // V8 would not free it before there are hundreds of MiB of such garbage.
    discard(part);
    return true;
  }

  /** All parts of one piece of input have come. */
  flushBody(): void {
    this.#body?.flush();
  }

  /** The stream of Node has no body: it must not continue a connection that is paused for the one of the web. */
  override _read(): void {}

  /** Node calls this when a response is complete before its request. It would hand over no more parts, and they would not be counted. */
  _dump(): void {}
}

/** The length of a body; `undefined` if it comes in chunks. */
function lengthOf(rawHeaders: readonly string[]): number | undefined {
  let length = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (name === "transfer-encoding") return undefined;
    if (name === "content-length") length = Number(rawHeaders[i + 1]);
  }
  return length;
}

/** A request as the web has it. */
export class ServedRequest extends Request {
  readonly #method: string;
  readonly #exchange: HttpExchange | undefined;

  constructor(
    url: string,
    init: RequestInit & { readonly method: string },
    exchange: HttpExchange | undefined,
  ) {
    const method = FORBIDDEN_METHODS.has(init.method) ? "GET" : init.method;
    super(url, { ...init, method });
    this.#method = init.method;
    this.#exchange = exchange;
  }

  override get method(): string {
    return this.#method;
  }

  override get signal(): AbortSignal {
    return this.#exchange?.signal ?? super.signal;
  }
}

/** Why something is not a valid request, and the status for that. */
export interface BadRequest {
  readonly status: 400 | 414 | 431;
  readonly reason: string;
}

/**
 * The request as the web has it.
 *
 * @param incoming the request as Node has it
 * @param exchange the request with its response; without it there is no body, and its signal never aborts
 * @returns the request, or why it is invalid
 */
export function toRequest(
  incoming: IncomingMessage,
  exchange?: HttpExchange,
): Request | BadRequest {
  const { method = "GET", url = "/", rawHeaders, socket } = incoming;
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return { status: 431, reason: `it has more than ${MAX_HEADERS} headers` };
  }
  if (url.length > MAX_URL_LENGTH) {
    return { status: 414, reason: `its address has more than ${MAX_URL_LENGTH} characters` };
  }
  const path = pathOf(url, method);
  if (path === undefined) return { status: 400, reason: "its address is invalid" };
  // A list of pairs: to copy a `Headers` takes a time that grows with the square of its size.
  const headers: [string, string][] = [];
  let host = "";
  let hasBody = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!COPIED_HEADERS.has(name) && !name.startsWith(MESSAGE_HEADER_PREFIX)) continue;
    const value = rawHeaders[i + 1]!;
    headers.push([name, value]);
    if (name === "host") host = host === "" ? value : `${host}, ${value}`;
    hasBody ||= name === "transfer-encoding" || (name === "content-length" && Number(value) > 0);
  }
  // Parsing a long name takes time that grows with the square of its length.
  if (host.length <= MAX_HOST_LENGTH) {
    const scheme = "encrypted" in socket ? "https" : "http";
    const body = hasBody && exchange && method !== "GET" && method !== "HEAD"
      ? openBody(incoming as BoundedRequest, exchange)
      : null;
    const init = { method, headers, body, duplex: "half" as const };
    try {
      return new ServedRequest(
        `${scheme}://${host || "localhost"}${path}`,
        init,
        exchange,
      );
    } catch {
      // With its Host the URL may be invalid.
    }
  }
  return { status: 400, reason: "its Host or another header is invalid" };
}

function openBody(
  incoming: BoundedRequest,
  { outgoing }: HttpExchange,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return incoming.openBody(() => {
    // A client that waits for this sends its body only then.
    if (incoming.expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
  });
}

/** The path of a request target (RFC 9112, section 3.2); `undefined` if it is of no form that there is. */
function pathOf(target: string, method: string): string | undefined {
  if (target.startsWith("/")) return target;
  // Some clients send the whole URL, as to a proxy.
  const url = URL.parse(target);
  if (url) return url.pathname + url.search;
  return target === "*" && method === "OPTIONS" ? "/" : undefined;
}
