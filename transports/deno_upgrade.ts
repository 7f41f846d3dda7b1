/**
 * How a request to `Deno.serve` becomes a WebSocket.
 *
 * Where its client has left by then, Deno keeps what it has of it, because its operation waits for a connection that is
 * gone: see {@linkcode hasLeft}. One that comes without our subprotocol has no heartbeats, so it is pinged while it is idle.
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

import { CLOSE_CODE, offeredProtocols, SUBPROTOCOL } from "../protocol/websocket.ts";

/**
 * Unless this variable is set before the first WebSocket, Deno copies each frame into a buffer of its connection, which
 * keeps the size of the largest frame for as long as the connection lasts.
 */
const WRITEV_VARIABLE = "DENO_USE_WRITEV";

/** Sets the variable with which Deno keeps no copies of frames, if this program may, and its user has not. */
export async function enableWritev(): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "env", variable: WRITEV_VARIABLE });
  if (state === "granted" && Deno.env.get(WRITEV_VARIABLE) === undefined) {
    Deno.env.set(WRITEV_VARIABLE, "1");
  }
}

/**
 * The address that Deno tells for a connection that was reset before its request is handled: the system has none any more.
 *
 * @param from the address of the client
 * @returns whether it is no address of a client
 */
export function isUnspecified(from: string): boolean {
  return from === "0.0.0.0" || from === "::";
}

/**
 * Whether the client of a request has left, as far as {@linkcode networkPolled} has seen. Deno would neither open its
 * WebSocket nor ever free it, and that would keep the process and the port from ending. To be called once, in the turn of
 * the upgrade.
 */
export async function hasLeft({ signal }: Request): Promise<boolean> {
  // The first look finds what is so at this moment, and tells it in a microtask. A later one would wait.
  await Promise.resolve();
  await Promise.resolve();
  return signal.aborted;
}

/** For a client that has left. Its body is a stream, so that Deno sees that it was not sent: else it would print its warning. */
export function noResponse(): Response {
  return new Response(new ReadableStream({ start: (body) => body.close() }), { status: 400 });
}

/**
 * Upgrades a request after {@linkcode hasLeft}. If it cannot, it is to be answered in this turn.
 *
 * @param request the request
 * @param idlePingInterval how long it may be idle before it is pinged, in milliseconds, if it is not a client of ours
 * @returns the socket, and the response
 * @throws {TypeError} if it is not a request for a WebSocket
 */
export function upgradeRequest(
  request: Request,
  idlePingInterval: number,
): Deno.WebSocketUpgrade {
  // Clients with our subprotocol have heartbeats.
  return withoutWarning(() =>
    offeredProtocols(request.headers).includes(SUBPROTOCOL)
      ? upgradeDsmq(request)
      : upgradeWithIdlePings(request, idlePingInterval)
  );
}

/**
 * Calls back if the client of a request leaves before it has a response.
 *
 * @param request the request, which has no response yet
 * @param onLeft is called once
 * @returns ends it
 */
export function watchClient({ signal }: Request, onLeft: () => void): () => void {
  if (mayWarn) filterWarning();
  signal.addEventListener("abort", onLeft, { once: true });
  return () => signal.removeEventListener("abort", onLeft);
}

/** The warning may still come. */
let mayWarn = true;
/** Puts the console back, while warnings are filtered. */
let restoreConsole: (() => void) | undefined;

/**
 * At the first response to a request whose signal was read, whichever it is, Deno warns, once, that the signal aborts although
 * nothing has failed. That is known here, and no news for the operator of a server. From here on that warning is dropped.
 */
function filterWarning(): () => void {
  if (restoreConsole) return restoreConsole;
  const { warn } = console;
  const filtered = (...args: unknown[]) => {
    if (!String(args[0]).startsWith("Deno.serve: request.signal")) return warn.apply(console, args);
    mayWarn = false;
    restoreConsole?.();
  };
  console.warn = filtered;
  return restoreConsole = () => {
    restoreConsole = undefined;
    // The program may have put another one there.
    if (console.warn === filtered) console.warn = warn;
  };
}

/** Upgrades a request whose signal was read: that is its response. */
function withoutWarning<T>(upgrade: () => T): T {
  if (!mayWarn || restoreConsole) return upgrade();
  const restore = filterWarning();
  try {
    const upgraded = upgrade();
    restore();
    mayWarn = false;
    return upgraded;
  } catch (error) {
    // The caller has yet to answer that.
    setImmediate(restore);
    throw error;
  }
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
function upgradeWithIdlePings(
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

/** Why a peer is given up, for the log. */
export const LOST =
  "its WebSocket did not open after its handshake was answered: as a rule it has reset its connection at that moment, and then Deno keeps its socket until this process ends (not with the transport hardened)";

/** Listens to the socket of a peer that was given up. */
export function closeLate({ type, target }: Event): void {
  const socket = target as WebSocket;
  if (type === "open") socket.close(CLOSE_CODE.timedOut, "given up");
  else endIdleTimer(socket);
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
