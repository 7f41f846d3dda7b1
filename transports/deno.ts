/**
 * The transport that is built into Deno: `Deno.serve` and its WebSockets.
 *
 * @module
 */

import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import type { Address, House, Listener, Peer, Visit } from "./transport.ts";

/** Little is buffered below so many bytes. */
const LOW_WATER = 64 * 1024;

/** How long a socket may take to open once the upgrade was answered, in milliseconds: mostly it takes less than one. */
const OPEN_WITHIN = 2000;

/** After what time to look again whether a slow peer has read, in milliseconds: there is no event for it. */
const DRAIN_POLL = { first: 5, longest: 100 };

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free, and what TLS needs
 * @param house what to do for those who arrive
 * @returns the open port
 * @throws {Deno.errors.AddrInUse} if the port is taken, and other errors of the system
 */
export function listen({ host, port, tls }: Address, house: House): Listener {
  const end = new AbortController();
  const arriving = new Set<DenoPeer>();
  const server = Deno.serve({
    hostname: host,
    port,
    ...tls,
    signal: end.signal,
    onListen: () => {},
    onError(error) {
      house.failed(error);
      return new Response("Internal error\n", { status: 500 });
    },
  }, (request, info) => {
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return upgrade ? welcome(request, info, house, arriving) : house.http(request);
  });
  const stop = () => {
    // Not shutdown(): it waits for the end of every request's body, which may never come.
    end.abort();
    for (const peer of arriving) peer.drop();
    return server.finished;
  };
  return { host: server.addr.hostname, port: server.addr.port, stop };
}

async function welcome(
  request: Request,
  { remoteAddr, completed }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  house: House,
  arriving: Set<DenoPeer>,
): Promise<Response> {
  const verdict = await house.admit(request, remoteAddr.hostname);
  if (verdict instanceof Response) return verdict;
  const offered = request.headers.get("sec-websocket-protocol")?.split(",").map((name) =>
    name.trim()
  );
  const options = {
    // A client of dsmq 1.x may rest as long as it likes, and need not answer pings meanwhile.
    idleTimeout: 0,
    ...(offered?.includes(SUBPROTOCOL) && { protocol: SUBPROTOCOL }),
  };
  let upgrade: { socket: WebSocket; response: Response };
  try {
    upgrade = Deno.upgradeWebSocket(request, options);
  } catch (error) {
    verdict(NOBODY).closed();
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  const peer = new DenoPeer(upgrade.socket, verdict, house, () => arriving.delete(peer));
  arriving.add(peer);
  // If the peer is gone by now, its socket neither opens nor closes.
  const answered = () => peer.hasToOpen();
  completed.then(answered, answered);
  return upgrade.response;
}

/** In the place of a peer whose handshake failed. */
const NOBODY: Peer = {
  send() {},
  buffered: 0,
  drained: () => Promise.resolve(),
  close() {},
  drop() {},
};

class DenoPeer implements Peer {
  readonly #socket: WebSocket;
  readonly #house: House;
  #arrived: ((peer: Peer) => Visit) | undefined;
  #isHere: (() => void) | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #visit: Visit | undefined;
  #gone = false;
  /** At most so much is buffered, in characters: to ask the platform takes as long as to send. */
  #unread = 0;
  /** There while somebody waits for the peer to read. */
  #drain: PromiseWithResolvers<void> | undefined;
  #nextLook: ReturnType<typeof setTimeout> | undefined;
  #pause = DRAIN_POLL.first;

  /** Wraps a socket; `isHere` is called when it opened, or never will. */
  constructor(
    socket: WebSocket,
    arrived: (peer: Peer) => Visit,
    house: House,
    isHere: () => void,
  ) {
    this.#socket = socket;
    this.#arrived = arrived;
    this.#isHere = isHere;
    this.#house = house;
    const heard = (event: Event) => this.#guarded(event);
    // Nobody listens for errors: the close event, which follows, says the same.
    socket.onopen = socket.onmessage = socket.onclose = heard;
  }

  /** Takes an event of the socket. An exception would end the whole process. */
  #guarded(event: Event): void {
    try {
      this.#heard(event);
    } catch (error) {
      this.#house.failed(error);
      this.close(CLOSE.internalError, "internal error");
    }
  }

  #heard(event: Event): void {
    switch (event.type) {
      case "open":
        if (this.#gone) return this.#socket.close();
        this.#enter();
        // A listener takes half a kilobyte, and this one has done its work.
        this.#socket.onopen = null;
        return;
      case "message":
        return this.#visit?.receive((event as MessageEvent).data);
      case "close":
        return this.drop();
    }
  }

  /** The upgrade was answered: unless the socket opens soon, the peer is gone. */
  hasToOpen(): void {
    if (this.#arrived) this.#late = setTimeout(() => this.drop(), OPEN_WITHIN);
  }

  #enter(): void {
    const arrived = this.#arrived;
    if (!arrived) return;
    this.#arrived = undefined;
    clearTimeout(this.#late);
    this.#isHere?.();
    this.#isHere = undefined;
    this.#visit = arrived(this);
  }

  get buffered(): number {
    if (this.#gone) return 0;
    return this.#unread < LOW_WATER ? this.#unread : this.#unread = this.#socket.bufferedAmount;
  }

  send(frame: string): void {
    // It is open, or has been: then what is sent is dropped without an error.
    if (this.#gone) return;
    this.#unread += frame.length;
    this.#socket.send(frame);
  }

  drained(): Promise<void> {
    const { promise } = this.#drain ?? this.#beginToLook();
    return promise;
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
  }

  /** Also called when the socket closed; that may happen twice. */
  drop(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.close(CLOSE.internalError, "given up");
    this.#look();
    this.#enter();
    this.#visit?.closed();
  }

  #beginToLook(): PromiseWithResolvers<void> {
    const drain = this.#drain = Promise.withResolvers<void>();
    this.#look();
    return drain;
  }

  /** Looks whether the peer has read; if not, looks again, after longer and longer pauses. */
  #look(): void {
    clearTimeout(this.#nextLook);
    if (this.buffered > LOW_WATER) {
      this.#nextLook = setTimeout(() => this.#look(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, DRAIN_POLL.longest);
      return;
    }
    this.#pause = DRAIN_POLL.first;
    this.#drain?.resolve();
    this.#drain = undefined;
  }
}
