/**
 * The transport that is built into Deno: `Deno.serve` and its WebSockets.
 *
 * @module
 */

import { CLOSE, SUBPROTOCOL } from "../protocol/websocket.ts";
import { Line, type Shared } from "./line.ts";
import type { Address, Bounds, House, Listener, Peer, Visit } from "./transport.ts";
import { Watch } from "./watch.ts";

/**
 * Opens a port with `Deno.serve`.
 *
 * @param address host and port, 0 for any that is free
 * @param house what to do for those who arrive
 * @param bounds what peers are held to
 * @returns the open port; rejects with `Deno.errors.AddrInUse` if it is taken, and other errors of the system
 */
// deno-lint-ignore require-await -- other transports have to wait, and errors are rejections
export async function listen(address: Address, house: House, bounds: Bounds): Promise<Listener> {
  const { host, port, cert, key } = address;
  const end = new AbortController();
  const watch = new Watch(bounds);
  const server = Deno.serve({
    hostname: host,
    port,
    ...(cert !== undefined && key !== undefined && { cert, key }),
    signal: end.signal,
    onListen: () => {},
    onError(error) {
      house.failed(error);
      return new Response("Internal error\n", { status: 500 });
    },
  }, (request) => {
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    return upgrade ? welcome(request, { house, watch }) : house.http(request);
  });
  const stop = () => {
    watch.stop();
    // Not shutdown(): it waits for the end of every request's body, which may never come.
    end.abort();
    return server.finished;
  };
  return { host: server.addr.hostname, port: server.addr.port, stop };
}

async function welcome(request: Request, shared: Shared): Promise<Response> {
  const verdict = await shared.house.admit(request);
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
    return new Response(`Cannot upgrade: ${(error as Error).message}\n`, { status: 400 });
  }
  new DenoLine(upgrade.socket, verdict, shared);
  return upgrade.response;
}

class DenoLine extends Line {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, arrived: (peer: Peer) => Visit, shared: Shared) {
    super(arrived, shared);
    this.#socket = socket;
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
        return this.received((event as MessageEvent).data);
      case "close":
        return this.ended();
    }
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

  /** All that can be done: its connection ends when what was sent has been read, or the peer is gone. */
  protected override hangUp(): void {
    this.sayGoodbye(CLOSE.givenUp, "given up");
  }
}
