/**
 * Requests and WebSockets of `Deno.serve`, whoever listens.
 *
 * @module
 */

import { networkPolled } from "../budgets/after_network_poll.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import {
  closeLate,
  enableWritev,
  endIdleTimer,
  hasLeft,
  isUnspecified,
  LOST,
  noResponse,
  upgradeRequest,
  watchClient,
} from "./deno_upgrade.ts";
import { BasePeer } from "./base_peer.ts";
import { createPortContext, type PortContext } from "./port_context.ts";
import { afterHttp2Body } from "./drop_body.ts";
import { handshakeFailed, type Peer, type PeerEvents } from "./peer.ts";
import type { ConnectionHandler, PeerLimits } from "./transport.ts";
import { transportProblem } from "./transport_problem.ts";

/** How long a socket may take to open after the response to its upgrade, in milliseconds: mostly it takes less than one. */
const OPEN_TIMEOUT = 2000;

/** The same while the port is about to close. */
const CLOSING_OPEN_TIMEOUT = 100;

/**
 * This many frames in a second are a flood: no honest client sends so much in such small pieces. Input cannot be held back
 * here, so it would block all other connections.
 */
const FLOOD_LIMIT = { frames: 50_000, within: 1000 };

/** The clock is read for every this many frames: reading it for each would take time. */
const COUNT_EVERY = 1000;

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
  /**
   * Closes all connections with 1001 and refuses others, until `resume` is called. Then the port may be closed: it takes no
   * handshake with it that was answered, which Deno would never free.
   */
  closeAll(): Promise<void>;
  /** Ends what would still wait. The connections have ended by then. */
  stop(): Promise<void>;
  /** Accepts connections again. */
  resume(): void;
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
  const connections = new DenoConnections(() => handler.onPeerDropped({ reason: LOST }));
  const { idlePingInterval } = limits;
  const context = { ...createPortContext(handler, limits), idlePingInterval, connections };
  return {
    fetch: (request, from) =>
      isUnspecified(from)
        ? noResponse()
        : request.headers.get("upgrade")?.toLowerCase() === "websocket"
        ? handleUpgrade(request, from, context)
        : afterHttp2Body(request, handler.http(request, from, watchClient)),
    closeAll: () => connections.closeAll(),
    stop: async () => {
      await connections.end();
      context.slowPeers.stop();
      context.unread.stop();
    },
    resume: () => connections.resume(),
  };
}

interface FetchContext extends PortContext {
  readonly idlePingInterval: number;
  readonly connections: DenoConnections;
}

async function handleUpgrade(
  request: Request,
  from: string,
  context: FetchContext,
): Promise<Response> {
  const { connections } = context;
  const expiring = connections.removeExpired();
  if (expiring) await expiring;
  const verdict = await context.handler.admit(request, from);
  if (verdict instanceof Response) return verdict;
  await networkPolled();
  if (connections.isClosing) {
    handshakeFailed(verdict);
    return transportProblem(503, "The port is being closed");
  }
  // From here to the upgrade there are microtasks alone: who closes the port waits that long.
  if (await hasLeft(request)) {
    handshakeFailed(verdict);
    return noResponse();
  }
  let upgrade: Deno.WebSocketUpgrade;
  try {
    upgrade = upgradeRequest(request, context.idlePingInterval);
  } catch (error) {
    handshakeFailed(verdict);
    return transportProblem(400, `Cannot upgrade: ${(error as Error).message}`);
  }
  connections.add(new DenoPeer(upgrade.socket, verdict, context, from));
  return upgrade.response;
}

/**
 * The connections of a port. Those whose upgrade has its response wait for their socket to open: if a peer resets its
 * connection just before Deno writes the response, that neither opens nor closes, and a later upgrade removes it. (Waiting
 * for Deno's `completed` costs 11 kB a connection.)
 */
class DenoConnections {
  readonly #onLost: () => void;
  /** When each got its response, by the clock of `performance`, the oldest first. */
  readonly #waiting = new Map<DenoPeer, number>();
  readonly #open = new Set<DenoPeer>();
  /** None may be added, but those that were let through in this turn. */
  isClosing = false;
  #expiring: Promise<void> | undefined;

  constructor(onLost: () => void) {
    this.#onLost = onLost;
  }

  add(peer: DenoPeer): void {
    this.#waiting.set(peer, performance.now());
  }

  /** It is known whether its socket opens. */
  settled(peer: DenoPeer, isOpen: boolean): void {
    this.#waiting.delete(peer);
    if (isOpen) this.#open.add(peer);
  }

  /** Its socket is closed. */
  closed(peer: DenoPeer): void {
    this.#waiting.delete(peer);
    this.#open.delete(peer);
  }

  /** Gives up those that should have opened by now; `undefined` if there are none. */
  removeExpired(): Promise<void> | undefined {
    const [oldest = Infinity] = this.#waiting.values();
    const expiry = performance.now() - OPEN_TIMEOUT;
    if (oldest > expiry) return undefined;
    // The loop may have stood still all the time: then they open now.
    return this.#expiring ??= networkPolled().then(() => {
      this.#expiring = undefined;
      this.#giveUp(expiry);
    });
  }

  #giveUp(expiry: number): void {
    for (const [peer, since] of this.#waiting) {
      if (since > expiry) return;
      peer.abandon();
      this.#onLost();
    }
  }

  /** Adds no more, closes those that are open, and those that wait as they open; the others will not. */
  async closeAll(): Promise<void> {
    this.isClosing = true;
    await this.#opened();
    for (const peer of this.#open) peer.close(CLOSE_CODE.goingAway, "the port is reopened");
  }

  /** Ends all that wait, for good. */
  async end(): Promise<void> {
    this.isClosing = true;
    await this.#opened();
    this.#giveUp(Infinity);
  }

  resume(): void {
    this.isClosing = false;
  }

  /** Waits until those that have their response, or get it in this turn, are open: Deno has yet to write some. */
  async #opened(): Promise<void> {
    const end = performance.now() + CLOSING_OPEN_TIMEOUT;
    // The loop may have stood still until then: there is a look after it.
    for (let isLast = false; !isLast;) {
      isLast = performance.now() >= end;
      await networkPolled();
      if (this.#waiting.size === 0) return;
    }
  }
}

class DenoPeer extends BasePeer {
  readonly #socket: WebSocket;
  readonly #connections: DenoConnections;
  /** How many frames came in this second, as far as they were counted, and when it began. */
  #frames = 0;
  #secondBegan = 0;

  constructor(
    socket: WebSocket,
    onConnected: (peer: Peer) => PeerEvents,
    context: FetchContext,
    from: string,
  ) {
    super(onConnected, context, from);
    this.#socket = socket;
    this.#connections = context.connections;
    // There is no listener for errors: the close event, which follows, says the same.
    const onEvent = (event: Event) => this.#onEvent(event);
    socket.onopen = socket.onmessage = socket.onclose = onEvent;
  }

  #onEvent(event: Event): void {
    switch (event.type) {
      case "open":
        // A listener takes half a kilobyte, and this one is not needed any more.
        this.#socket.onopen = null;
        this.#connections.settled(this, true);
        return this.onOpen();
      case "message":
        if (++this.#frames % COUNT_EVERY === 0 && this.#isFlooding()) return;
        return this.onFrame((event as MessageEvent).data);
      case "close":
        endIdleTimer(this.#socket);
        this.#connections.closed(this);
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
    this.#connections.settled(this, false);
    // Deno keeps the socket: it must not keep all this.
    this.#socket.onmessage = null;
    this.#socket.onopen = this.#socket.onclose = closeLate;
    this.onClose();
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
