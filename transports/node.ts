/**
 * The transport for ports that untrusted clients can reach: `node:http` with `npm:ws`. Messages have a maximum size, headers have to
 * arrive in time, and a dropped peer is disconnected at once.
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
import { createPortContext } from "./port_context.ts";
import { handshakeFailed } from "./peer.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import { admitUpgrade, respondHttp, whenRoom } from "./node_http.ts";
import {
  afterResponses,
  type ClientError,
  HEADER_BYTES,
  REQUEST_TIMEOUT_CODE,
  respondAndClose,
  respondBadRequest,
} from "./node_http_refusal.ts";
import { BoundedRequest, currentRequest, exchanges, MAX_HEADERS } from "./node_http_request.ts";
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
import { transportProblem } from "./transport_problem.ts";

/** How long an HTTP connection may be idle between two requests, in milliseconds. */
const KEEP_ALIVE = 5000;

/** After what time an incomplete message or request may be dropped to make room for others, in milliseconds. */
const EVICTION_GRACE = 2000;

/** An option of Node that its types do not know yet. */
interface UpgradeOptions {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
}

/** Why a port accepts no connections, as far as that can be known. */
const NOT_ACCEPTING = "the port accepts no connections, most likely because of too many open files";

/**
 * Opens a port with `node:http`, or with `node:https` if there is a certificate.
 *
 * @param address host and port, 0 for any free port
 * @param handler what to do with requests and peers
 * @param limits the limits of peers
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
  // One more than allowed, so that it shows: Node drops headers beyond this number without an error.
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
    // The system finds idle connections whose peer has vanished.
    if (limits.idlePingInterval < Infinity) socket.setKeepAlive(true, limits.idlePingInterval);
    // Without a listener an error would end the process. The close event, which follows, says enough.
    socket.on("error", () => {});
  });
  server.on("secureConnection", propagateReadStop);
  const inputs = new WeakMap<Socket, HttpInput>();
  const connectionEvent = address.tls ? "secureConnection" : "connection";
  server.prependListener(connectionEvent, preventConsume);
  server.on(connectionEvent, (socket: Socket) => {
    const input = new HttpInput(socket as InputConnection, context.turns.join(), {
      current: () => currentRequest(socket),
      mayParse: (isNewRequest) => exchanges.mayParse(socket, isNewRequest),
      whenRoom: (callback) => whenRoom(socket, requestPacer, callback),
      onError: (error) => void server.emit("clientError", error as Error, socket),
    });
    inputs.set(socket, input);
    httpConnections.setInput(socket, input);
  });
  const timedOut = new TimedOutRequests();
  server.on("clientError", (error: ClientError, socket: Socket) => {
    // Deno gives the parser of this connection to another one. What still comes would be read as a part of that one's input.
    socket.removeAllListeners("data");
    if (error.code === REQUEST_TIMEOUT_CODE) {
      return timedOut.add(socket, () => respondBadRequest(error, socket, handler));
    }
    respondBadRequest(error, socket, handler);
  });
  // Without a listener Node would close the connection.
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    inputs.get(socket)?.detach();
    socket.on("error", () => {});
    const response = transportProblem(405, "Cannot connect: this is not a proxy");
    afterResponses(socket, () => void respondAndClose(socket, response));
  });
  const onRequest = (request: BoundedRequest, response: ServerResponse) => {
    const { socket } = request;
    httpConnections.onRequest(socket);
    // What came of its body does not wait any more.
    request.once("end", () => httpConnections.onRequest(socket));
    void respondHttp(request, response, handler, requestPacer);
  };
  server.on("request", onRequest);
  server.on("checkContinue", (request: BoundedRequest, response: ServerResponse) => {
    request.expectsContinue = true;
    onRequest(request, response);
  });
  // What else a client may expect is ignored, as `Deno.serve` does.
  server.on("checkExpectation", onRequest);
  server.on("upgrade", (request: IncomingMessage, socket: Socket, received: Uint8Array) => {
    inputs.get(socket)?.detach();
    // A copy: the buffer that this is a part of is freed after the event.
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
    // An error while it is being reopened is reported by the reopener, which tries again.
    if (!isReopening) handler.onError(error);
  });
  const { address: host, port } = server.address() as AddressInfo;
  const reopener = new PortReopener(async () => {
    isReopening = true;
    // Open connections continue.
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
    // The last input of each connection is handed over in its turn, and then its WebSocket ends.
    await pings.empty();
    httpConnections.stop();
  };
  return { host, port, renew, stop };
}

function openServer({ tls }: ListenAddress, { headerTimeout, frameBytes }: PeerLimits): Server {
  const options: ServerOptions & UpgradeOptions = {
    headersTimeout: headerTimeout,
    // A body may be as large as a frame, and its line slow. The server answers earlier, if it reads the body.
    requestTimeout: Math.ceil(2 * headerTimeout + 1000 * frameBytes / MIN_PEER_SPEED),
    connectionsCheckingInterval: Math.ceil(headerTimeout / 32),
    keepAliveTimeout: KEEP_ALIVE,
    maxHeaderSize: HEADER_BYTES,
    // The server checks the Host itself, and not for every request.
    requireHostHeader: false,
    noDelay: true,
    IncomingMessage: BoundedRequest,
    shouldUpgradeCallback: isWebSocket,
  };
  if (!tls) return createServer(options);
  return createSecureServer({
    ...options,
    ...tls,
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: headerTimeout,
  });
}

/** Whether this program may connect to its own port, without asking its user. */
async function mayConnect(host: string, port: number): Promise<boolean> {
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const status = await Deno.permissions.query({ name: "net", host: authority }).catch(() => {});
  return status?.state === "granted";
}

/** Other upgrades are ignored, as RFC 9110 permits: `curl --http2` offers one. */
function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** Answers a request for a WebSocket. */
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
    const verdict = await admitUpgrade(incoming, handler);
    if (verdict instanceof Response) {
      return socket.destroyed ? undefined : await respondAndClose(socket, verdict);
    }
    let isUpgraded = false;
    // It may be gone meanwhile; or its handshake is invalid, and the upgrader tells it so.
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
