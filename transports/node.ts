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
import { EvictingBudget } from "../budgets/evicting_budget.ts";
import { createPortContext } from "./base_peer.ts";
import { handshakeFailed } from "./peer.ts";
import {
  admitUpgrade,
  afterResponses,
  BoundedRequest,
  type ClientError,
  getResponse,
  HEADER_BYTES,
  MAX_HEADERS,
  REQUEST_TIMEOUT_CODE,
  respondAndClose,
  respondBadRequest,
  respondHttp,
} from "./node_http.ts";
import { HttpInput, type InputConnection, preventConsume } from "./node_http_input.ts";
import { TimedOutRequests } from "./node_timed_out_requests.ts";
import { startListening } from "./node_start_listening.ts";
import { type HardenedContext, NodePeer } from "./node_peer.ts";
import { HttpConnections } from "./node_http_connections.ts";
import { IdlePings } from "./node_idle_pings.ts";
import { PortProbe } from "./node_port_probe.ts";
import { propagateReadStop } from "./node_tls.ts";
import { loadUpgrader, type Upgrader } from "./node_ws_package.ts";
import { Pacer } from "./pacer.ts";
import { PortReopener } from "./port_reopener.ts";
import type { ConnectionHandler, ListenAddress, Listener, PeerLimits } from "./transport.ts";

/** How long a connection may rest between two requests of HTTP, in milliseconds. */
const KEEP_ALIVE = 5000;

/** What has not come whole for so long may be given up for the sake of others, in milliseconds. */
const EVICTION_GRACE = 2000;

/** Why a port takes nobody any more, as far as can be known. */
const NOT_ACCEPTING = "the port accepts no connections, most likely because of too many open files";

/**
 * Opens a port with `node:http`, or with `node:https` where there is a certificate.
 *
 * @param address host and port, 0 for any that is free
 * @param handler what to do for those who arrive
 * @param limits what peers are held to
 * @returns the open port; rejects if `npm:ws` cannot be used, and with errors of the system
 */
export async function listen(
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
): Promise<Listener> {
  const upgrader = await loadUpgrader(limits);
  const context = createPortContext(handler, limits);
  const pings = new IdlePings(limits);
  const [upgradePacer, endPacer, requestPacer] = [new Pacer(), new Pacer(), new Pacer()];
  const partial = new EvictingBudget(limits.partial, { grace: EVICTION_GRACE });
  const httpConnections = new HttpConnections(partial, address.tls !== undefined);
  const server = openServer(address, limits);
  // One more than allowed, so that it shows: node drops what is beyond this number without a word.
  server.maxHeadersCount = MAX_HEADERS + 1;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    httpConnections.add(socket, () => {
      const reason = "Cannot wait for a request: too many incomplete requests wait";
      handler.onRefused(reason, socket.remoteAddress ?? "");
      socket.destroy();
    });
    // One that has vanished at rest is found by the system.
    if (limits.idlePingInterval < Infinity) socket.setKeepAlive(true, limits.idlePingInterval);
    // Without a listener an error would end the process. The close event, which follows, says enough.
    socket.on("error", () => {});
  });
  server.on("secureConnection", propagateReadStop);
  const inputs = new WeakMap<Socket, HttpInput>();
  const connectionEvent = address.tls ? "secureConnection" : "connection";
  server.prependListener(connectionEvent, preventConsume);
  server.on(connectionEvent, (socket: Socket) => {
    // So a request says that it is one too many: it throws in the midst of the parser.
    const onError = (error: unknown) => void server.emit("clientError", error as Error, socket);
    const input = new HttpInput(socket as InputConnection, context.turns.join(), onError);
    inputs.set(socket, input);
    httpConnections.setInput(socket, input);
  });
  const timedOut = new TimedOutRequests();
  server.on("clientError", (error: ClientError, socket: Socket) => {
    if (error.code === REQUEST_TIMEOUT_CODE) {
      return timedOut.add(socket, () => respondBadRequest(error, socket, handler));
    }
    respondBadRequest(error, socket, handler);
  });
  // Or it would be hung up on.
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    inputs.get(socket)?.detach();
    socket.on("error", () => {});
    const response = new Response("Cannot connect: this is not a proxy\n", { status: 405 });
    afterResponses(socket, () => void respondAndClose(socket, response));
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    httpConnections.onRequest(request.socket);
    void respondHttp(request, response, handler, requestPacer);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, received: Uint8Array) => {
    inputs.get(socket)?.detach();
    // A copy: the buffer that this is a part of is freed once it was handed over.
    const head = new Uint8Array(received);
    socket.on("error", () => {});
    if (timedOut.has(socket)) return void socket.destroy();
    httpConnections.onRequest(socket);
    const upgraded = () => httpConnections.onUpgraded(socket);
    const upgradeContext = {
      upgraded,
      upgrader,
      upgradePacer,
      endPacer,
      pings,
      partial,
      ...context,
    };
    afterResponses(socket, () => void handleUpgrade(request, socket, head, upgradeContext));
  });
  await startListening(server, address);
  let isReopening = false;
  server.on("error", (error: Error) => {
    // What keeps it from being opened again is told, and tried again.
    if (!isReopening) handler.onError(error);
  });
  const { address: host, port } = server.address() as AddressInfo;
  const reopener = new PortReopener(async () => {
    isReopening = true;
    // Those who are in stay.
    server.close();
    await startListening(server, { ...address, port }).finally(() => isReopening = false);
  }, handler);
  const probe = await mayConnect(address.host, port)
    ? new PortProbe(
      server,
      { host: address.host, port },
      () => reopener.onPortFailed(NOT_ACCEPTING),
    )
    : undefined;
  const renew = (tls: NonNullable<ListenAddress["tls"]>) => {
    (server as SecureServer).setSecureContext({ ...tls });
    return Promise.resolve();
  };
  const stop = async () => {
    context.slowPeers.stop();
    context.unread.stop();
    pings.stop();
    probe?.stop();
    reopener.stop();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    // What came last of each is handed over in its turn, and then its WebSocket ends.
    await pings.empty();
    httpConnections.stop();
  };
  return { host, port, renew, stop };
}

function openServer({ tls }: ListenAddress, { headerTimeout }: PeerLimits): Server {
  const options: ServerOptions = {
    headersTimeout: headerTimeout,
    requestTimeout: headerTimeout,
    connectionsCheckingInterval: Math.ceil(headerTimeout / 32),
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
    handshakeTimeout: headerTimeout,
  });
}

/** Whether this program may connect to its own port, which it had leave to open: nobody is asked. */
async function mayConnect(host: string, port: number): Promise<boolean> {
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const status = await Deno.permissions.query({ name: "net", host: authority }).catch(() => {});
  return status?.state === "granted";
}

/** Answers a request for a WebSocket, or for another upgrade that there is none of. */
async function handleUpgrade(
  incoming: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  context: HardenedContext & {
    readonly upgrader: Upgrader;
    readonly upgradePacer: Pacer;
    upgraded(): void;
  },
): Promise<void> {
  const { handler, upgrader, upgradePacer } = context;
  try {
    const wait = upgradePacer.wait();
    if (wait) await wait;
    if (socket.destroyed) return;
    const isWebSocket = incoming.headers.upgrade?.toLowerCase() === "websocket";
    const verdict = isWebSocket
      ? await admitUpgrade(incoming, handler)
      : await getResponse(incoming, handler);
    if (verdict instanceof Response) {
      return socket.destroyed ? undefined : await respondAndClose(socket, verdict);
    }
    let isUpgraded = false;
    // It may have gone meanwhile; or its handshake is none, and the upgrader says so to it.
    if (!socket.destroyed) {
      upgrader.handleUpgrade(incoming, socket, head, (webSocket) => {
        isUpgraded = true;
        context.upgraded();
        new NodePeer(webSocket, socket, verdict, context);
      });
    }
    if (!isUpgraded) handshakeFailed(verdict);
  } catch (error) {
    handler.onError(error);
    socket.destroy();
  }
}
