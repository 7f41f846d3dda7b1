/**
 * WebSockets of Deno that are pinged while they are idle, without heartbeats of their own.
 *
 * Deno pings a peer that was silent for half of `idleTimeout`, and closes it if the ping is unanswered for the other half.
 * Some clients of dsmq 1.x answer pings only when they ask for something, which can take hours: they have to be pinged, so
 * that proxies keep them, and must not be closed. No number does that. But Deno converts the option to a number each time it
 * sets a timer, so an object can give each timer its own number.
 *
 * Also, Deno does not stop the timer of a connection that was reset: the process would not end until it fires. Setting it
 * again with no time at all ends it.
 *
 * Deno has worked like this since before 2.0, but it is not documented. With a Deno that converts the option only once, or
 * accepts only a number, no peer is pinged, and still none is closed.
 *
 * @module
 */

/** In seconds: about the longest time that a timer takes, so practically never. */
const MAX_SECONDS = 4_000_000;

/** Neither pings nor closes. */
const NEVER = 0;

/**
 * Upgrades a request to a WebSocket that is pinged while it is idle, and never closed for that.
 *
 * @param request the request
 * @param idlePingInterval how long it may be idle before it is pinged, in milliseconds
 * @returns the socket, and the response
 * @throws {TypeError} if it is not a request for a WebSocket
 */
export function upgradeWithIdlePings(
  request: Request,
  idlePingInterval: number,
): Deno.WebSocketUpgrade {
  const idleTimeout = new IdlePingTimeout(idlePingInterval);
  try {
    return Deno.upgradeWebSocket(request, { idleTimeout: idleTimeout as unknown as number });
  } catch {
    return Deno.upgradeWebSocket(request, { idleTimeout: NEVER });
  } finally {
    idleTimeout.start();
  }
}

/** The members of Deno's sockets that hold the option and set the timer: found at the first socket. */
let members: { readonly option: symbol | undefined; readonly setTimer: symbol | undefined };

/**
 * Ends the timer of a socket that has closed, if it has one.
 *
 * @param socket any socket, however it was made
 */
export function endIdleTimer(socket: WebSocket): void {
  members ??= {
    option: symbolOf(socket, "[[idleTimeout]]"),
    setTimer: symbolOf(WebSocket.prototype, "[[serverHandleIdleTimeout]]"),
  };
  const { option, setTimer } = members;
  if (!option || !setTimer) return;
  const internals = socket as unknown as { readonly [symbol: symbol]: unknown };
  const timeout = internals[option];
  if (!(timeout instanceof IdlePingTimeout)) return;
  timeout.end();
  (internals[setTimer] as () => void).call(socket);
}

function symbolOf(object: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find(({ description }) => description === name);
}

/**
 * The `idleTimeout` of an idle connection. Deno reads it whenever something has come, pings after half of it, and reads it
 * again for the time that the answer may take.
 */
class IdlePingTimeout {
  /** In seconds. */
  readonly #interval: number;
  #lastAsked = Infinity;
  /** A ping was sent, and nothing has come since. */
  #pinged = false;
  /** A Deno that reads it before this has read it for good. */
  #started = false;
  #ended = false;

  constructor(interval: number) {
    this.#interval = interval / 1000;
  }

  /** From now on it is read once for each timer. */
  start(): void {
    this.#started = true;
  }

  /** The connection has ended. */
  end(): void {
    this.#ended = true;
  }

  valueOf(): number {
    if (!this.#started || this.#ended) return NEVER;
    const now = performance.now() / 1000;
    // Timers may be early by a fraction of a millisecond.
    this.#pinged = !this.#pinged && now - this.#lastAsked >= this.#interval - 0.001;
    this.#lastAsked = now;
    return Math.min(MAX_SECONDS, this.#pinged ? MAX_SECONDS : 2 * this.#interval);
  }
}
