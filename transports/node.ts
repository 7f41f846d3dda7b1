/**
 * The transport for those whom strangers can reach: `node:http` with `npm:ws`. Messages have a largest size,
 * headers have to come in time, and a peer that is given up is cut off.
 *
 * @module
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { SUBPROTOCOL } from "../protocol/websocket.ts";
import { Line, LOW_WATER, type Shared } from "./line.ts";
import type { Address, Bounds, House, Listener, Peer, Visit } from "./transport.ts";
import { Watch } from "./watch.ts";

/** How long a connection may rest between two requests of HTTP, in milliseconds. */
const KEEP_ALIVE = 5000;

/** How much the headers of a request may take, in bytes. */
const HEADER_BYTES = 16 * 1024;

/** How long a peer has to answer the goodbye, in milliseconds. */
const CLOSE_TIME = 5000;

/** How long one who broke the rules has to hear why, in milliseconds. */
const LAST_WORD = 1000;

/** What `npm:ws` looks up in the environment, where it may not even look without leave. */
const VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

/** The part of a WebSocket of `npm:ws` that is used. */
interface Socketry {
  readonly bufferedAmount: number;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "close" | "error", listener: () => void): void;
  send(frame: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** The part of its server that is used. */
interface Upgrader {
  handleUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Uint8Array,
    upgraded: (socket: Socketry) => void,
  ): void;
}

/**
 * Opens a port with `node:http`, or with `node:https` where there is a certificate.
 *
 * @param address host and port, 0 for any that is free
 * @param house what to do for those who arrive
 * @param bounds what peers are held to
 * @returns the open port; rejects if `npm:ws` cannot be used, and with errors of the system
 */
export async function listen(address: Address, house: House, bounds: Bounds): Promise<Listener> {
  const upgrader = await loadUpgrader(bounds);
  const shared = { house, watch: new Watch(bounds) };
  const server = openServer(address, bounds);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Without a listener an error would end the process. The close event, which follows, says enough.
    socket.on("error", () => {});
  });
  server.on("clientError", (_error: Error, socket: Socket) => socket.destroy());
  // With TLS, that is the other end of a connection that is in the set already.
  server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    void answer(request, response, house);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    socket.on("error", () => {});
    void welcome(request, socket, head, upgrader, shared);
  });
  await opened(server, address);
  server.on("error", (error: Error) => house.failed(error));
  const { address: host, port } = server.address() as AddressInfo;
  const stop = async () => {
    shared.watch.stop();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { host, port, stop };
}

/** Loads `npm:ws`, if that may read what it reads: asked for leave, or thrown at, nobody is. */
async function loadUpgrader({ frameBytes }: Bounds): Promise<Upgrader> {
  const states = await Promise.all(
    VARIABLES.map((variable) => Deno.permissions.query({ name: "env", variable })),
  );
  if (states.some(({ state }) => state !== "granted")) {
    throw new Error(
      `the hardened transport needs --allow-env=${VARIABLES}, for npm:ws looks these up`,
    );
  }
  const { WebSocketServer } = await import("ws");
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: frameBytes,
    closeTimeout: CLOSE_TIME,
    handleProtocols: (offered: Set<string>) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
}

function openServer({ cert, key }: Address, { headerTime }: Bounds): Server {
  const options: ServerOptions = {
    headersTimeout: headerTime,
    requestTimeout: headerTime,
    connectionsCheckingInterval: headerTime / 8,
    keepAliveTimeout: KEEP_ALIVE,
    maxHeaderSize: HEADER_BYTES,
    noDelay: true,
  };
  if (cert === undefined || key === undefined) return createServer(options);
  return createSecureServer({ ...options, cert, key, handshakeTimeout: headerTime });
}

function opened(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Answers a request that is not for a WebSocket. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  house: House,
): Promise<void> {
  try {
    const { status, headers, body } = await whole(await replied(incoming, house));
    outgoing.writeHead(status, { ...headers, "content-length": `${body.length}` });
    outgoing.end(incoming.method === "HEAD" ? undefined : body);
  } catch (error) {
    house.failed(error);
    outgoing.destroy();
  }
}

/** Answers a request for a WebSocket, or for another upgrade that there is none of. */
async function welcome(
  incoming: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  upgrader: Upgrader,
  shared: Shared,
): Promise<void> {
  const { house } = shared;
  try {
    const isFor = incoming.headers.upgrade?.toLowerCase() === "websocket";
    const verdict = isFor ? await admitted(incoming, house) : await replied(incoming, house);
    // It may have gone meanwhile.
    if (socket.destroyed) return;
    if (verdict instanceof Response) return await refuse(socket, verdict);
    upgrader.handleUpgrade(incoming, socket, head, (webSocket) => {
      new NodeLine(webSocket, socket, verdict, shared);
    });
  } catch (error) {
    house.failed(error);
    socket.destroy();
  }
}

async function admitted(
  incoming: IncomingMessage,
  house: House,
): Promise<Response | ((peer: Peer) => Visit)> {
  const request = asRequest(incoming);
  return request ? await guarded(house, () => house.admit(request)) : badRequest();
}

async function replied(incoming: IncomingMessage, house: House): Promise<Response> {
  const request = asRequest(incoming);
  return request ? await guarded(house, () => house.http(request)) : badRequest();
}

async function guarded<T>(house: House, ask: () => T | Promise<T>): Promise<T | Response> {
  try {
    return await ask();
  } catch (error) {
    house.failed(error);
    return new Response("Internal error\n", { status: 500 });
  }
}

/** The request in the words of the web; `undefined` if it makes none. Nobody is interested in its body. */
function asRequest(incoming: IncomingMessage): Request | undefined {
  const { method = "GET", url = "/", headersDistinct, socket } = incoming;
  try {
    const headers = new Headers();
    for (const [name, values] of Object.entries(headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value);
    }
    const scheme = "encrypted" in socket ? "https" : "http";
    // Some send the whole address, as to a proxy.
    const path = url.startsWith("/") ? url : URL.parse(url)?.pathname ?? "/";
    return new Request(`${scheme}://${headers.get("host") ?? "localhost"}${path}`, {
      method,
      headers,
    });
  } catch {
    return undefined;
  }
}

function badRequest(): Response {
  return new Response("Bad request\n", { status: 400 });
}

async function refuse(socket: Socket, response: Response): Promise<void> {
  const { status, headers, body } = await whole(response);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
    `content-length: ${body.length}`,
  ];
  // Whoever does not close in turn is not waited for.
  socket.once("finish", () => socket.destroy());
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.end(body);
}

async function whole(
  response: Response,
): Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

/**
 * What a socket was given in one go it reports as read when all of it was. So it gets a little at a time,
 * and the rest waits here: otherwise who reads slowly would look like who does not read.
 */
class NodeLine extends Line {
  readonly #socket: Socketry;
  #waiting: string[] = [];
  /** In characters. */
  #waitingSize = 0;
  /** Said once nothing waits. */
  #goodbye: { code: number; reason: string } | undefined;

  constructor(
    socket: Socketry,
    connection: Socket,
    arrived: (peer: Peer) => Visit,
    shared: Shared,
  ) {
    super(arrived, shared);
    this.#socket = socket;
    connection.on("drain", () => this.#goOn());
    socket.on("message", (data, isBinary) => this.received(isBinary ? data : `${data}`));
    let cut: ReturnType<typeof setTimeout> | undefined;
    socket.on("close", () => {
      clearTimeout(cut);
      this.ended();
    });
    // It broke the rules of WebSockets, and is being told so. Without a listener that would end the process.
    socket.on("error", () => {
      this.ended();
      cut ??= setTimeout(() => socket.terminate(), LAST_WORD);
      // Later: it is just about to be read on, to throw away what comes. Nothing more shall come.
      setTimeout(() => connection.pause(), 0);
    });
    this.opened();
  }

  protected override measure(): number {
    return this.#socket.bufferedAmount + this.#waitingSize;
  }

  protected override transmit(frame: string): void {
    if (this.#goodbye) return;
    if (this.#waiting.length === 0 && this.#socket.bufferedAmount < LOW_WATER) {
      return this.#socket.send(frame);
    }
    this.#waiting.push(frame);
    this.#waitingSize += frame.length;
  }

  protected override sayGoodbye(code: number, reason: string): void {
    if (this.#goodbye) return;
    this.#goodbye = { code, reason };
    if (this.#waiting.length === 0) this.#socket.close(code, reason);
  }

  protected override hangUp(): void {
    this.#waiting = [];
    this.#waitingSize = 0;
    this.#socket.terminate();
  }

  /** The connection has taken all that it was given. */
  #goOn(): void {
    let sent = 0;
    for (let size = 0; sent < this.#waiting.length && size < LOW_WATER; sent++) {
      const frame = this.#waiting[sent]!;
      size += frame.length;
      this.#socket.send(frame);
    }
    for (const { length } of this.#waiting.splice(0, sent)) this.#waitingSize -= length;
    if (sent > 0 && this.#waiting.length === 0 && this.#goodbye) {
      this.#socket.close(this.#goodbye.code, this.#goodbye.reason);
    }
    this.wasRead();
  }
}
