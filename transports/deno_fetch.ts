/**
 * Requests and WebSockets of `Deno.serve`, whoever listens.
 *
 * @module
 */

import { CLOSE_CODE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { endIdleTimer, upgradeWithIdlePings } from "./deno_idle_pings.ts";
import { BasePeer, createPortContext, type PortContext } from "./base_peer.ts";
import { handshakeFailed, type Peer, type PeerEvents } from "./peer.ts";
import type { ConnectionHandler, PeerLimits } from "./transport.ts";

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

/** Answers the requests of a `Deno.serve`. */
export interface FetchHandler {
  /**
   * Answers a request, or makes a WebSocket of it.
   *
   * @param request the very object that `Deno.serve` gave: a copy cannot become a WebSocket
   * @param from the address of the client
   * @returns the response, for `Deno.serve`
   */
  fetch(request: Request, from: string): Response | Promise<Response>;
  /** Ends what would still wait. The connections have ended by then. */
  stop(): void;
}

/**
 * Starts to answer requests.
 *
 * @param handler what to do with requests and peers
 * @param limits the limits of peers
 * @returns what answers
 */
export async function openFetch(
  handler: ConnectionHandler,
  limits: PeerLimits,
): Promise<FetchHandler> {
  await enableWritev();
  const pendingUpgrades = new PendingUpgrades();
  const context = {
    ...createPortContext(handler, limits),
    idlePingInterval: limits.idlePingInterval,
  };
  return {
    fetch: (request, from) =>
      request.headers.get("upgrade")?.toLowerCase() === "websocket"
        ? handleUpgrade(request, from, context, pendingUpgrades)
        : handler.http(request, from),
    stop: () => {
      context.slowPeers.stop();
      context.unread.stop();
      pendingUpgrades.end();
    },
  };
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
  from: string,
  context: PortContext & { readonly idlePingInterval: number },
  pendingUpgrades: PendingUpgrades,
): Promise<Response> {
  pendingUpgrades.removeExpired();
  const verdict = await context.handler.admit(request, from);
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
  pendingUpgrades.add(new DenoPeer(upgrade.socket, verdict, context, from, pendingUpgrades));
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
