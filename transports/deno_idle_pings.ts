/**
 * WebSockets of Deno that may be at rest, without heartbeats of their own.
 *
 * Deno pings who has said nothing for half of its `idleTimeout`, and closes who then leaves the ping unanswered for
 * the other half. Some clients of dsmq 1.x answer pings only when they ask for something, which they need not do for
 * hours: they have to be pinged, so that proxies keep them, and must not be closed. No number does that. But Deno
 * computes with the option anew each time it sets a timer, so an object can give each its own number.
 *
 * And Deno leaves the timer of a connection that was reset where it is: the process would live on until that is over. To
 * set it anew for no time at all ends it.
 *
 * That is how Deno has done it since before 2.0, and it is documented nowhere. With a Deno that asks for the number
 * only once, or takes nothing but a number, nobody is pinged, and still nobody is closed.
 *
 * @module
 */

/** In seconds, for ever: a timer takes no longer time. */
const MAX_SECONDS = 4_000_000;

/** Neither pings nor closes. */
const NEVER = 0;

/**
 * Upgrades a request to a WebSocket that is pinged at rest, and never closed for it.
 *
 * @param request the request
 * @param idlePingInterval how long it may be at rest before it is pinged, in milliseconds
 * @returns the socket, and how the request is answered
 * @throws {TypeError} if it is no request for a WebSocket
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

/** The members of Deno's sockets that hold the option, and that set the timer: the same of all, and found at the first. */
let members: { readonly option: symbol | undefined; readonly setTimer: symbol | undefined };

/**
 * Ends the timer of a socket that has closed, if it has one.
 *
 * @param socket a socket, whichever way it was made
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
 * The `idleTimeout` of one at rest. Deno asks for it whenever something has come, pings after half of it, and asks
 * again for the time that the answer may take.
 */
class IdlePingTimeout {
  /** In seconds. */
  readonly #interval: number;
  #lastAsked = Infinity;
  /** A ping was sent, and nothing has come since. */
  #pinged = false;
  /** A Deno that asks before has asked for good. */
  #started = false;
  #ended = false;

  constructor(interval: number) {
    this.#interval = interval / 1000;
  }

  /** What is asked from now on is asked for one timer. */
  start(): void {
    this.#started = true;
  }

  /** It is gone. */
  end(): void {
    this.#ended = true;
  }

  valueOf(): number {
    if (!this.#started || this.#ended) return NEVER;
    const now = performance.now() / 1000;
    // Timers may be early by a part of a millisecond.
    this.#pinged = !this.#pinged && now - this.#lastAsked >= this.#interval - 0.001;
    this.#lastAsked = now;
    return Math.min(MAX_SECONDS, this.#pinged ? MAX_SECONDS : 2 * this.#interval);
  }
}
