/**
 * The transport built into Deno: `Deno.serve` and its WebSockets.
 *
 * @module
 */

import { CLOSE_CODE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { DenoPort } from "./deno_port.ts";
import { endIdleTimer, upgradeWithIdlePings } from "./deno_idle_pings.ts";
import { BasePeer, createPortContext, type PortContext } from "./base_peer.ts";
import { handshakeFailed, type Peer, type PeerEvents } from "./peer.ts";
import type { ConnectionHandler, ListenAddress, Listener, PeerLimits } from "./transport.ts";

/** How long a socket may take to open after the response to its upgrade, in milliseconds: mostly it takes less than one. */
const OPEN_TIMEOUT = 2000;

/**
 * This many frames in a second are a flood: no honest client sends so much in such small pieces. Input cannot be held back
 * here, so it would block all other connections.
 */
const FLOOD_LIMIT = { frames: 50_000, within: 1000 };

/** The clock is read for every this many frames: reading it for each would take time. */
const COUNT_EVERY = 1000;

/**
 * Unless this variable is set before the first WebSocket, Deno copies each frame into a buffer of its connection, which
 * keeps the size of the largest frame for as long as the connection lasts.
 */
const WRITEV_VARIABLE = "DENO_USE_WRITEV";

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free, and what TLS needs
 * @param handler what to do with requests and peers
 * @param limits the limits of peers
 * @returns the open port; rejects with `Deno.errors.AddrInUse` if it is taken, and other errors of the system
 */
export async function listen(
  address: ListenAddress,
  handler: ConnectionHandler,
  limits: PeerLimits,
): Promise<Listener> {
  await enableWritev();
  const pendingUpgrades = new PendingUpgrades();
  const context = {
    ...createPortContext(handler, limits),
    idlePingInterval: limits.idlePingInterval,
  };
  const port = new DenoPort(address, (request, info) => {
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return upgrade
      ? handleUpgrade(request, info, context, pendingUpgrades)
      : handler.http(request, info.remoteAddr.hostname);
  }, handler);
  const stop = () => {
    context.slowPeers.stop();
    context.unread.stop();
    const stopped = port.stop();
    pendingUpgrades.end();
    return stopped;
  };
  const { hostname } = port.addr;
  return { host: hostname, port: port.addr.port, renew: (tls) => port.renew(tls), stop };
}

/** Sets it, if this program may, and its user has not. */
async function enableWritev(): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "env", variable: WRITEV_VARIABLE });
  if (state === "granted" && Deno.env.get(WRITEV_VARIABLE) === undefined) {
    Deno.env.set(WRITEV_VARIABLE, "1");
  }
}

async function handleUpgrade(
  request: Request,
  { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  context: PortContext & { readonly idlePingInterval: number },
  pendingUpgrades: PendingUpgrades,
): Promise<Response> {
  pendingUpgrades.removeExpired();
  const verdict = await context.handler.admit(request, remoteAddr.hostname);
  if (verdict instanceof Response) return verdict;
  let upgrade: Deno.WebSocketUpgrade;
  try {
    // Clients with our subprotocol have heartbeats.
    upgrade = offeredProtocols(request.headers).includes(SUBPROTOCOL)
      ? upgradeDsmq(request)
      : upgradeWithIdlePings(request, context.idlePingInterval);
  } catch (error) {
    handshakeFailed(verdict);
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  pendingUpgrades.add(
    new DenoPeer(upgrade.socket, verdict, context, remoteAddr.hostname, pendingUpgrades),
  );
  return upgrade.response;
}

/** Upgrades a request that offers our subprotocol. */
function upgradeDsmq(request: Request): Deno.WebSocketUpgrade {
  const offered = request.headers.get("sec-websocket-protocol")!.split(", ");
  if (offered.includes(SUBPROTOCOL)) {
    return Deno.upgradeWebSocket(request, { protocol: SUBPROTOCOL, idleTimeout: 0 });
  }
  // Deno finds it only between a comma with one space and the next comma. Others, such as npm:ws, write the comma alone.
  const upgrade = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  upgrade.response.headers.set("Sec-WebSocket-Protocol", SUBPROTOCOL);
  return upgrade;
}

/**
 * Connections whose upgrade has its response, until their socket opens. If a peer is gone by then, its socket neither opens
 * nor closes: a later upgrade removes it. (Waiting for Deno's `completed` costs 11 kB a connection.)
 */
class PendingUpgrades {
  /** When each got its response, by the clock of `performance`, the oldest first. */
  readonly #since = new Map<DenoPeer, number>();

  add(peer: DenoPeer): void {
    this.#since.set(peer, performance.now());
  }

  delete(peer: DenoPeer): void {
    this.#since.delete(peer);
  }

  /** Ends those that should have opened by now. */
  removeExpired(): void {
    const expiry = performance.now() - OPEN_TIMEOUT;
    for (const [peer, since] of this.#since) {
      if (since > expiry) return;
      peer.abandon();
    }
  }

  /** Ends all. */
  end(): void {
    for (const peer of [...this.#since.keys()]) peer.abandon();
  }
}

class DenoPeer extends BasePeer {
  readonly #socket: WebSocket;
  readonly #pendingUpgrades: PendingUpgrades;
  /** How many frames came in this second, as far as they were counted, and when it began. */
  #frames = 0;
  #secondBegan = 0;

  constructor(
    socket: WebSocket,
    onConnected: (peer: Peer) => PeerEvents,
    context: PortContext,
    from: string,
    pendingUpgrades: PendingUpgrades,
  ) {
    super(onConnected, context, from);
    this.#socket = socket;
    this.#pendingUpgrades = pendingUpgrades;
    // There is no listener for errors: the close event, which follows, says the same.
    const onEvent = (event: Event) => this.#onEvent(event);
    socket.onopen = socket.onmessage = socket.onclose = onEvent;
  }

  #onEvent(event: Event): void {
    switch (event.type) {
      case "open":
        // A listener takes half a kilobyte, and this one is not needed any more.
        this.#socket.onopen = null;
        return this.onOpen();
      case "message":
        if (++this.#frames % COUNT_EVERY === 0 && this.#isFlooding()) return;
        return this.onFrame((event as MessageEvent).data);
      case "close":
        endIdleTimer(this.#socket);
        return this.onClose();
    }
  }

  #isFlooding(): boolean {
    const now = this.turn.now();
    if (now - this.#secondBegan >= FLOOD_LIMIT.within) {
      this.#secondBegan = now;
      this.#frames = 0;
    }
    if (this.#frames < FLOOD_LIMIT.frames) return false;
    this.disconnect(
      CLOSE_CODE.policyViolation,
      "too many frames",
      "it sent 50,000 frames in a second",
    );
    return true;
  }

  /** It will not open any more. */
  abandon(): void {
    this.onClose();
  }

  protected override onSettled(): void {
    this.#pendingUpgrades.delete(this);
  }

  protected override measureUnread(): number {
    return this.#socket.bufferedAmount;
  }

  /** The socket is or was open. If it is closed, what is sent is dropped without an error. */
  protected override transmit(frame: string): void {
    this.#socket.send(frame);
  }

  protected override sendClose(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
  }

  /** The platform reads on, but nobody listens. */
  protected override stopReading(): void {
    this.#socket.onmessage = null;
  }

  /** No more is possible: the connection ends when the peer has read what was sent, or is gone. */
  protected override terminate(): void {
    this.sendClose(CLOSE_CODE.timedOut, "given up");
  }
}
