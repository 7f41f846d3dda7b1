/**
 * The transport that is built into Deno: `Deno.serve` and its WebSockets.
 *
 * @module
 */

import { CLOSE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";
import { DenoPort } from "./deno_port.ts";
import { endRest, upgradeResting } from "./deno_rest.ts";
import { Line, nobodyCame, type Shared, shareOf } from "./line.ts";
import type { Address, Bounds, House, Listener, Peer, Visit } from "./transport.ts";

/** How long a socket may take to open once the upgrade was answered, in milliseconds: mostly it takes less than one. */
const OPEN_WITHIN = 2000;

/**
 * So many frames in a second are a flood: nobody says so much in so small pieces. What comes cannot be held back here, so
 * that it would keep the process from all others.
 */
const FLOOD = { frames: 50_000, within: 1000 };

/** Frames are counted by so many: to look at the clock for each would take time. */
const COUNTED = 1000;

/**
 * Unless this is in the environment before its first WebSocket, Deno copies each frame into a buffer of its connection,
 * which remains as large as its largest frame was for as long as the connection lasts.
 */
const WITHOUT_COPIES = "DENO_USE_WRITEV";

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free, and what TLS needs
 * @param house what to do for those who arrive
 * @param bounds what peers are held to
 * @returns the open port; rejects with `Deno.errors.AddrInUse` if it is taken, and other errors of the system
 */
export async function listen(address: Address, house: House, bounds: Bounds): Promise<Listener> {
  await sendWithoutCopies();
  const arrivals = new Arrivals();
  const shared = { ...shareOf(house, bounds), rest: bounds.rest };
  const port = new DenoPort(address, (request, info) => {
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return upgrade
      ? welcome(request, info, shared, arrivals)
      : house.http(request, info.remoteAddr.hostname);
  }, house);
  const stop = () => {
    shared.watch.stop();
    shared.unread.stop();
    const stopped = port.stop();
    arrivals.end();
    return stopped;
  };
  const { hostname } = port.addr;
  return { host: hostname, port: port.addr.port, renew: (tls) => port.renew(tls), stop };
}

/** Where this program may say so, and its user has not said anything. */
async function sendWithoutCopies(): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "env", variable: WITHOUT_COPIES });
  if (state === "granted" && Deno.env.get(WITHOUT_COPIES) === undefined) {
    Deno.env.set(WITHOUT_COPIES, "1");
  }
}

async function welcome(
  request: Request,
  { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  shared: Shared & { readonly rest: number },
  arrivals: Arrivals,
): Promise<Response> {
  arrivals.sweep();
  const verdict = await shared.house.admit(request, remoteAddr.hostname);
  if (verdict instanceof Response) return verdict;
  let upgrade: Deno.WebSocketUpgrade;
  try {
    // A client of ours has heartbeats.
    upgrade = offeredProtocols(request.headers).includes(SUBPROTOCOL)
      ? upgradeOurs(request)
      : upgradeResting(request, shared.rest);
  } catch (error) {
    nobodyCame(verdict);
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  arrivals.add(new DenoLine(upgrade.socket, verdict, shared, remoteAddr.hostname, arrivals));
  return upgrade.response;
}

/** Upgrades a request that offers our subprotocol. */
function upgradeOurs(request: Request): Deno.WebSocketUpgrade {
  const offered = request.headers.get("sec-websocket-protocol")!.split(", ");
  if (offered.includes(SUBPROTOCOL)) {
    return Deno.upgradeWebSocket(request, { protocol: SUBPROTOCOL, idleTimeout: 0 });
  }
  // Deno finds it only between a comma with one space and the next, and others write the comma alone, as npm:ws does.
  const upgrade = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  upgrade.response.headers.set("Sec-WebSocket-Protocol", SUBPROTOCOL);
  return upgrade;
}

/**
 * Those whose upgrade was answered, until their socket opens. If a peer is gone by then, its socket neither opens
 * nor closes: whoever arrives later clears it away. (To wait for Deno's `completed` costs 11 kB a connection.)
 */
class Arrivals {
  /** Since when each is under way, by the clock of `performance`; the first that came is the first in it. */
  readonly #since = new Map<DenoLine, number>();

  add(line: DenoLine): void {
    this.#since.set(line, performance.now());
  }

  delete(line: DenoLine): void {
    this.#since.delete(line);
  }

  /** Ends those that should have opened by now. */
  sweep(): void {
    const late = performance.now() - OPEN_WITHIN;
    for (const [line, since] of this.#since) {
      if (since > late) return;
      line.leave();
    }
  }

  /** Ends all. */
  end(): void {
    for (const line of [...this.#since.keys()]) line.leave();
  }
}

class DenoLine extends Line {
  readonly #socket: WebSocket;
  readonly #arrivals: Arrivals;
  /** How many frames came in this second, as far as they were counted, and when it began. */
  #frames = 0;
  #secondBegan = 0;

  constructor(
    socket: WebSocket,
    arrived: (peer: Peer) => Visit,
    shared: Shared,
    from: string,
    arrivals: Arrivals,
  ) {
    super(arrived, shared, from);
    this.#socket = socket;
    this.#arrivals = arrivals;
    // Nobody listens for errors: the close event, which follows, says the same.
    const heard = (event: Event) => this.#heard(event);
    socket.onopen = socket.onmessage = socket.onclose = heard;
  }

  #heard(event: Event): void {
    switch (event.type) {
      case "open":
        // A listener takes half a kilobyte, and this one has done its work.
        this.#socket.onopen = null;
        return this.opened();
      case "message":
        if (++this.#frames % COUNTED === 0 && this.#floods()) return;
        return this.received((event as MessageEvent).data);
      case "close":
        endRest(this.#socket);
        return this.ended();
    }
  }

  #floods(): boolean {
    const now = this.turn.now();
    if (now - this.#secondBegan >= FLOOD.within) {
      this.#secondBegan = now;
      this.#frames = 0;
    }
    if (this.#frames < FLOOD.frames) return false;
    this.expel(CLOSE.policyViolation, "too many frames", "it sent 50,000 frames in a second");
    return true;
  }

  /** It will not come any more. */
  leave(): void {
    this.ended();
  }

  protected override settled(): void {
    this.#arrivals.delete(this);
  }

  protected override measure(): number {
    return this.#socket.bufferedAmount;
  }

  /** The socket is open, or has been: then what is sent is dropped without an error. */
  protected override transmit(frame: string): void {
    this.#socket.send(frame);
  }

  protected override sayGoodbye(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
  }

  /** The platform reads on, and nobody is told. */
  protected override stopReading(): void {
    this.#socket.onmessage = null;
  }

  /** All that can be done: its connection ends when what was sent has been read, or the peer is gone. */
  protected override hangUp(): void {
    this.sayGoodbye(CLOSE.givenUp, "given up");
  }
}
