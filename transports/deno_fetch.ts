/**
 * Requests and WebSockets of `Deno.serve`, whoever listens.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { enableWritev, endIdleTimer, hasLeft, noResponse, upgradeRequest } from "./deno_upgrade.ts";
import { BasePeer, createPortContext, type PortContext } from "./base_peer.ts";
import { handshakeFailed, type Peer, type PeerEvents } from "./peer.ts";
import type { ConnectionHandler, PeerLimits } from "./transport.ts";

/** How long a socket may take to open after the response to its upgrade, in milliseconds: mostly it takes less than one. */
const OPEN_TIMEOUT = 2000;

/** The same while the port is about to close. */
const CLOSING_OPEN_TIMEOUT = 100;

/** After so many that did not open no more are accepted: Deno keeps 25 kB and the file descriptor of each until the process ends. */
const MAX_LOST = 4000;

const LOST =
  "it reset its connection while its handshake was answered, and Deno keeps its socket until this process ends (not with the transport hardened)";

const TOO_MANY_LOST =
  `Cannot connect: ${MAX_LOST} clients have reset their connection while their handshake was answered, and no more can be accepted until this process is started again`;

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
  const upgrades = new Upgrades(() => handler.onPeerDropped(LOST));
  const context = {
    ...createPortContext(handler, limits),
    idlePingInterval: limits.idlePingInterval,
    upgrades,
  };
  return {
    fetch: (request, from) =>
      request.headers.get("upgrade")?.toLowerCase() === "websocket"
        ? handleUpgrade(request, from, context)
        : handler.http(request, from),
    closeAll: () => upgrades.closeAll(),
    stop: async () => {
      await upgrades.end();
      context.slowPeers.stop();
      context.unread.stop();
    },
    resume: () => upgrades.resume(),
  };
}

interface FetchContext extends PortContext {
  readonly idlePingInterval: number;
  readonly upgrades: Upgrades;
}

async function handleUpgrade(
  request: Request,
  from: string,
  context: FetchContext,
): Promise<Response> {
  const { upgrades } = context;
  upgrades.removeExpired();
  if (upgrades.isFull) {
    context.handler.onRefused(TOO_MANY_LOST, from);
    return new Response(`${TOO_MANY_LOST}\n`, { status: 503 });
  }
  const verdict = await context.handler.admit(request, from);
  if (verdict instanceof Response) return verdict;
  const left = await hasLeft(request);
  if (left || upgrades.isClosing) {
    handshakeFailed(verdict);
    return left ? noResponse() : new Response("The port is being closed\n", { status: 503 });
  }
  let upgrade: Deno.WebSocketUpgrade;
  try {
    upgrade = upgradeRequest(request, context.idlePingInterval);
  } catch (error) {
    handshakeFailed(verdict);
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  upgrades.add(new DenoPeer(upgrade.socket, verdict, context, from));
  return upgrade.response;
}

/**
 * The connections of a port. Those whose upgrade has its response wait for their socket to open: if a peer resets its
 * connection just before Deno writes the response, that neither opens nor closes, and a later upgrade removes it. (Waiting
 * for Deno's `completed` costs 11 kB a connection.)
 */
class Upgrades {
  readonly #onLost: () => void;
  /** When each got its response, by the clock of `performance`, the oldest first. */
  readonly #waiting = new Map<DenoPeer, number>();
  readonly #open = new Set<DenoPeer>();
  #lost = 0;
  #isClosing = false;

  constructor(onLost: () => void) {
    this.#onLost = onLost;
  }

  /** None may be added. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Too many were lost. */
  get isFull(): boolean {
    return this.#lost >= MAX_LOST;
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

  /** Ends those that should have opened by now. */
  removeExpired(): void {
    const expiry = performance.now() - OPEN_TIMEOUT;
    for (const [peer, since] of this.#waiting) {
      if (since > expiry) return;
      this.#lost++;
      peer.abandon();
      this.#onLost();
    }
  }

  /** Adds no more, closes those that are open, and those that wait as they open; the others will not. */
  async closeAll(): Promise<void> {
    this.#isClosing = true;
    await this.#opened();
    for (const peer of this.#open) peer.close(CLOSE_CODE.goingAway, "the port is reopened");
  }

  /** Ends all that wait, for good. */
  async end(): Promise<void> {
    this.#isClosing = true;
    await this.#opened();
    for (const peer of [...this.#waiting.keys()]) peer.abandon();
  }

  resume(): void {
    this.#isClosing = false;
  }

  /** Waits until those that have their response are open: Deno has yet to write some. */
  async #opened(): Promise<void> {
    const end = performance.now() + CLOSING_OPEN_TIMEOUT;
    while (this.#waiting.size > 0 && performance.now() < end) {
      await new Promise<void>((resolve) => afterNetworkPoll(resolve));
    }
  }
}

class DenoPeer extends BasePeer {
  readonly #socket: WebSocket;
  readonly #upgrades: Upgrades;
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
    this.#upgrades = context.upgrades;
    // There is no listener for errors: the close event, which follows, says the same.
    const onEvent = (event: Event) => this.#onEvent(event);
    socket.onopen = socket.onmessage = socket.onclose = onEvent;
  }

  #onEvent(event: Event): void {
    switch (event.type) {
      case "open":
        // A listener takes half a kilobyte, and this one is not needed any more.
        this.#socket.onopen = null;
        this.#upgrades.settled(this, true);
        return this.onOpen();
      case "message":
        if (++this.#frames % COUNT_EVERY === 0 && this.#isFlooding()) return;
        return this.onFrame((event as MessageEvent).data);
      case "close":
        endIdleTimer(this.#socket);
        this.#upgrades.closed(this);
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
    this.#upgrades.settled(this, false);
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

/** For the socket of a peer that was given up. */
function closeLate({ type, target }: Event): void {
  const socket = target as WebSocket;
  if (type === "open") socket.close(CLOSE_CODE.timedOut, "given up");
  else endIdleTimer(socket);
}
