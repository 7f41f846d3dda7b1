/**
 * The transport that is built into Deno: `Deno.serve` and its WebSockets.
 *
 * @module
 */

import { type House, type Listener, type Peer, SUBPROTOCOL, type Visit } from "./transport.ts";

/** Little is buffered below so many bytes. */
const LOW_WATER = 64 * 1024;

/** How often to look whether a slow peer has read, in milliseconds: there is no event for it. */
const DRAIN_POLL = 5;

const INTERNAL_ERROR = 1011;

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free
 * @param house what to do for those who arrive
 * @returns the open port
 * @throws {Deno.errors.AddrInUse} if the port is taken, and other errors of the system
 */
export function listen({ host, port }: { host: string; port: number }, house: House): Listener {
  const server = Deno.serve({
    hostname: host,
    port,
    onListen: () => {},
    onError(error) {
      house.failed(error);
      return new Response("Internal error\n", { status: 500 });
    },
  }, (request) => {
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return upgrade ? welcome(request, house) : house.http(request);
  });
  return { host: server.addr.hostname, port: server.addr.port, stop: () => server.shutdown() };
}

async function welcome(request: Request, house: House): Promise<Response> {
  const verdict = await house.admit(request);
  if (verdict instanceof Response) return verdict;
  const offered = request.headers.get("sec-websocket-protocol")?.split(",").map((name) =>
    name.trim()
  );
  const options = offered?.includes(SUBPROTOCOL) ? { protocol: SUBPROTOCOL } : {};
  let upgrade: { socket: WebSocket; response: Response };
  try {
    upgrade = Deno.upgradeWebSocket(request, options);
  } catch (error) {
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  attach(upgrade.socket, verdict, house);
  return upgrade.response;
}

function attach(socket: WebSocket, arrived: (peer: Peer) => Visit, house: House): void {
  const peer = new DenoPeer(socket);
  // An exception in a handler would end the whole process.
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      house.failed(error);
      peer.close(INTERNAL_ERROR, "internal error");
    }
  };
  socket.onopen = () => guarded(() => peer.visit = arrived(peer));
  socket.onmessage = ({ data }) => guarded(() => peer.visit?.receive(data));
  socket.onclose = () => guarded(() => peer.drop());
  // What it says is said again by the close event, which follows.
  socket.onerror = () => {};
}

class DenoPeer implements Peer {
  readonly #socket: WebSocket;
  #gone = false;
  /** There while somebody waits for the peer to read. */
  #drain: PromiseWithResolvers<void> | undefined;
  #nextLook: ReturnType<typeof setTimeout> | undefined;
  visit: Visit | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get buffered(): number {
    return this.#gone ? 0 : this.#socket.bufferedAmount;
  }

  send(frame: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  drained(): Promise<void> {
    const { promise } = this.#drain ??= Promise.withResolvers<void>();
    this.#look();
    return promise;
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
  }

  /** Also called when the socket closed; that may happen twice. */
  drop(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.close(INTERNAL_ERROR, "given up");
    this.#look();
    this.visit?.closed();
  }

  /** Looks whether the peer has read; if not, looks again in a while. */
  #look(): void {
    clearTimeout(this.#nextLook);
    if (this.buffered > LOW_WATER) {
      this.#nextLook = setTimeout(() => this.#look(), DRAIN_POLL);
      return;
    }
    this.#drain?.resolve();
    this.#drain = undefined;
  }
}
