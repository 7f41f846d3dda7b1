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
} from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import deno from "../deno.json" with { type: "json" };
import { EvictingBudget } from "../budgets/evicting.ts";
import { DsmqError } from "../protocol/errors.ts";
import { SUBPROTOCOL } from "../protocol/websocket.ts";
import { nobodyCame, shareOf } from "./line.ts";
import {
  admitted,
  afterAnswers,
  answer,
  answerBadRequest,
  BoundedRequest,
  type ClientError,
  HEADER_BYTES,
  LATE,
  MOST_HEADERS,
  refuse,
  replied,
} from "./node_http.ts";
import { Intake, type Intaken, listensAsOthers } from "./node_intake.ts";
import { LateRequests } from "./node_late.ts";
import { listening } from "./node_listening.ts";
import { type HardenedShared, NodeLine, type Socketry } from "./node_line.ts";
import { PendingConnections } from "./node_pending.ts";
import { Pings } from "./node_pings.ts";
import { Probe } from "./node_probe.ts";
import { readsNoFurther } from "./node_secure.ts";
import { Pace } from "./pace.ts";
import { Reopening } from "./reopening.ts";
import type { Address, Bounds, House, Listener } from "./transport.ts";

/** How long a connection may rest between two requests of HTTP, in milliseconds. */
const KEEP_ALIVE = 5000;

/** How long a peer has to answer the goodbye, in milliseconds. */
const CLOSE_TIME = 5000;

/** What has not come whole for so long may be given up for the sake of others, in milliseconds. */
const GRACE = 2000;

/** In how many pieces a message may come, and each of these in how many packets: an honest one has fewer. */
const MOST_FRAGMENTS = 1024;
const MOST_CHUNKS = 16_384;

/** How long `npm:ws` may take to load, in milliseconds. */
const LOAD_TIME = 10_000;

/** Why a port takes nobody any more, as far as can be known. */
const DEAF = "the port took none, most likely because of too many open files";

/** What `npm:ws` looks up in the environment, where it may not even look without leave. */
const VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

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
  const shared = shareOf(house, bounds);
  const pings = new Pings(bounds);
  const [pace, ends, asked] = [new Pace(), new Pace(), new Pace()];
  const partial = new EvictingBudget(bounds.partial, { grace: GRACE });
  const pending = new PendingConnections(partial, address.tls !== undefined);
  const server = openServer(address, bounds);
  // One more than allowed, so that it shows: node drops what is beyond this number without a word.
  server.maxHeadersCount = MOST_HEADERS + 1;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    pending.add(socket, () => {
      const why = "Cannot wait for a request: too many wait that are not whole";
      house.refused(why, socket.remoteAddress ?? "");
      socket.destroy();
    });
    // One that has vanished at rest is found by the system.
    if (bounds.rest < Infinity) socket.setKeepAlive(true, bounds.rest);
    // Without a listener an error would end the process. The close event, which follows, says enough.
    socket.on("error", () => {});
  });
  server.on("secureConnection", readsNoFurther);
  const intakes = new WeakMap<Socket, Intake>();
  const connected = address.tls ? "secureConnection" : "connection";
  server.prependListener(connected, listensAsOthers);
  server.on(connected, (socket: Socket) => {
    // So a request says that it is one too many: it throws in the midst of the parser.
    const caught = (error: unknown) => void server.emit("clientError", error as Error, socket);
    const intake = new Intake(socket as Intaken, shared.turns.join(), caught);
    intakes.set(socket, intake);
    pending.takenIn(socket, intake);
  });
  const late = new LateRequests();
  server.on("clientError", (error: ClientError, socket: Socket) => {
    if (error.code === LATE) return late.add(socket, () => answerBadRequest(error, socket, house));
    answerBadRequest(error, socket, house);
  });
  // Or it would be hung up on.
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    intakes.get(socket)?.leave();
    socket.on("error", () => {});
    const response = new Response("Cannot connect you: this is no proxy\n", { status: 405 });
    afterAnswers(socket, () => void refuse(socket, response));
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    pending.asked(request.socket);
    void answer(request, response, house, asked);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, came: Uint8Array) => {
    intakes.get(socket)?.leave();
    // A copy: the buffer that this is a part of is freed once it was handed over.
    const head = new Uint8Array(came);
    socket.on("error", () => {});
    if (late.has(socket)) return void socket.destroy();
    pending.asked(socket);
    const upgraded = () => pending.upgraded(socket);
    const all = { upgraded, upgrader, pace, ends, pings, partial, ...shared };
    afterAnswers(socket, () => void welcome(request, socket, head, all));
  });
  await listening(server, address);
  let reopens = false;
  server.on("error", (error: Error) => {
    // What keeps it from being opened again is told, and tried again.
    if (!reopens) house.failed(error);
  });
  const { address: host, port } = server.address() as AddressInfo;
  const reopening = new Reopening(async () => {
    reopens = true;
    // Those who are in stay.
    server.close();
    await listening(server, { ...address, port }).finally(() => reopens = false);
  }, house);
  const probe = await mayReach(address.host, port)
    ? new Probe(server, { host: address.host, port }, () => reopening.died(DEAF))
    : undefined;
  const renew = (tls: NonNullable<Address["tls"]>) => {
    (server as SecureServer).setSecureContext({ ...tls });
    return Promise.resolve();
  };
  const stop = async () => {
    shared.watch.stop();
    shared.unread.stop();
    pings.stop();
    probe?.stop();
    reopening.stop();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    // What came last of each is handed over in its turn, and then its WebSocket ends.
    await pings.empty();
    pending.stop();
  };
  return { host, port, renew, stop };
}

/** Loads `npm:ws`, if that may read what it reads: asked for leave, or thrown at, nobody is. */
async function loadUpgrader({ frameBytes, stop }: Bounds): Promise<Upgrader> {
  const states = await Promise.all(
    VARIABLES.map((variable) => Deno.permissions.query({ name: "env", variable })),
  );
  if (states.some(({ state }) => state !== "granted")) {
    throw new DsmqError(
      "not_allowed",
      `Cannot use the hardened transport: it needs --allow-env=${VARIABLES}, for npm:ws looks these up`,
    );
  }
  const { WebSocketServer } = await loadPackage(stop);
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: frameBytes,
    maxFragments: MOST_FRAGMENTS,
    maxBufferedChunks: MOST_CHUNKS,
    closeTimeout: CLOSE_TIME,
    handleProtocols: (offered: Set<string>) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
}

async function loadPackage(stop?: AbortSignal) {
  const late = Promise.withResolvers<never>();
  const why = `nothing came within ${LOAD_TIME / 1000} s`;
  const timer = setTimeout(() => late.reject(new Error(why)), LOAD_TIME);
  const stopped = () => late.reject(stop?.reason);
  stop?.addEventListener("abort", stopped);
  try {
    // Under a name that cannot be read off: or also who needs none of it would wait for its registry.
    return await Promise.race([import(deno.scopes["./"].ws), late.promise]);
  } catch (cause) {
    // The first of several lines, or the innermost cause, where they are numbered.
    const lines = (cause as Error).message.trim().split("\n");
    const causes = lines.filter((line) => /^\s*\d+: /.test(line));
    const reason = (causes.at(-1) ?? lines[0])!.replace(/^\s*\d+: /, "");
    throw new DsmqError(
      "module_unavailable",
      `Cannot use the hardened transport: npm:ws does not load: ${reason}`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", stopped);
  }
}

function openServer({ tls }: Address, { headerTime }: Bounds): Server {
  const options: ServerOptions = {
    headersTimeout: headerTime,
    requestTimeout: headerTime,
    connectionsCheckingInterval: Math.ceil(headerTime / 32),
    keepAliveTimeout: KEEP_ALIVE,
    maxHeaderSize: HEADER_BYTES,
    // The house wants it, and says so; but not of everybody.
    requireHostHeader: false,
    noDelay: true,
    IncomingMessage: BoundedRequest,
  };
  if (!tls) return createServer(options);
  return createSecureServer({
    ...options,
    ...tls,
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: headerTime,
  });
}

/** Whether this program may connect to its own port, which it had leave to open: nobody is asked. */
async function mayReach(host: string, port: number): Promise<boolean> {
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const status = await Deno.permissions.query({ name: "net", host: authority }).catch(() => {});
  return status?.state === "granted";
}

/** Answers a request for a WebSocket, or for another upgrade that there is none of. */
async function welcome(
  incoming: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  shared: HardenedShared & { readonly upgrader: Upgrader; readonly pace: Pace; upgraded(): void },
): Promise<void> {
  const { house, upgrader, pace } = shared;
  try {
    const turn = pace.turn();
    if (turn) await turn;
    if (socket.destroyed) return;
    const isFor = incoming.headers.upgrade?.toLowerCase() === "websocket";
    const verdict = isFor ? await admitted(incoming, house) : await replied(incoming, house);
    if (verdict instanceof Response) {
      return socket.destroyed ? undefined : await refuse(socket, verdict);
    }
    let came = false;
    // It may have gone meanwhile; or its handshake is none, and the upgrader says so to it.
    if (!socket.destroyed) {
      upgrader.handleUpgrade(incoming, socket, head, (webSocket) => {
        came = true;
        shared.upgraded();
        new NodeLine(webSocket, socket, verdict, shared);
      });
    }
    if (!came) nobodyCame(verdict);
  } catch (error) {
    house.failed(error);
    socket.destroy();
  }
}
