/**
 * One try to reach a server: a socket is opened, and hello is answered.
 *
 * @module
 */

import type { Durability, Reply, Welcome } from "../protocol/encode_replies.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { isCount } from "../protocol/request_fields.ts";
import {
  clientLimits,
  DEFAULT_LIMITS,
  DEFAULT_RETENTION,
  HEARTBEAT_INTERVAL,
  LIMITS,
  type Limits,
  maxReplyFrameBytes,
  PROTOCOL_VERSION,
} from "../protocol/limits.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import { AwakeClock } from "./awake_clock.ts";
import { ConnectError } from "./connect_error.ts";
import { deferred } from "./deferred.ts";
import { ClientSocket, type SocketClose } from "./client_socket.ts";
import type { ConnectTarget } from "./options.ts";

/** An open line, and what the server at its end said of itself. */
export interface Handshake {
  readonly socket: ClientSocket;
  readonly welcome: Welcome;
}

/**
 * Tries once. Nothing is left of a try that fails.
 *
 * @param url the address
 * @param target how to connect
 * @param hello makes what is said
 * @param timeout how long it may take, in milliseconds
 * @param signal gives up when it aborts
 * @returns the contact
 * @throws {ConnectError} if it fails, also by the signal; anything else is not to be tried again
 */
export async function attemptHandshake(
  url: string,
  { dial, hasToken }: Pick<ConnectTarget, "dial" | "hasToken">,
  hello: () => object,
  timeout: number,
  signal: AbortSignal,
): Promise<Handshake> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = new AwakeClock().setTimer(timeout, abort);
  signal.addEventListener("abort", abort);
  let socket: ClientSocket | undefined;
  try {
    socket = await ClientSocket.open(url, dial, controller.signal);
    const welcome = parseWelcome(await abortable(socket.hello(hello()), controller.signal));
    socket.setMaxFrameBytes(maxReplyFrameBytes(welcome.limits));
    return { socket, welcome };
  } catch (error) {
    socket?.abort("it was given up");
    if (error instanceof ConnectError) {
      throw error.status === 401 ? unauthorizedError(hasToken, error) : error;
    }
    if (controller.signal.aborted) throw noReplyError(socket);
    throw error instanceof DsmqError ? helloError(error, hasToken) : error;
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", abort);
  }
}

/** A try was given up. */
function noReplyError(socket: ClientSocket | undefined): ConnectError {
  return socket
    ? new ConnectError("a WebSocket is opened there, but hello is not answered", {
      reason: "silent",
    })
    : new ConnectError("nothing answers there", { reason: "timed_out" });
}

function unauthorizedError(hasToken: boolean, cause: Error): ConnectError {
  const sentence = hasToken
    ? "the token that was given is not good there"
    : "it asks for a token, and none was given";
  const { reason, status } = cause instanceof ConnectError ? cause : {};
  return new ConnectError(sentence, { code: "unauthorized", reason, status, final: true, cause });
}

/** These may be otherwise in a moment. */
const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set([
  "limit_exceeded",
  "shutting_down",
  "unavailable",
  "full",
]);

/** Close codes of who goes, or whose server does: not of one who speaks something else. */
const BROKEN_CLOSE_CODES: ReadonlySet<number> = new Set([1001, 1006, 1011, 1014]);

/** The socket was open, and then hello was not answered as it has to be. */
function helloError(error: DsmqError, hasToken: boolean): ConnectError {
  const close = error.cause as SocketClose | undefined;
  const code = close ? errorCodeOf(close) : error.code;
  if (code === "unauthorized") return unauthorizedError(hasToken, error);
  if (code && (TRANSIENT_CODES.has(code) || (close && code !== "closed"))) {
    return new ConnectError(error.message, {
      code,
      final: !TRANSIENT_CODES.has(code),
      cause: error,
    });
  }
  if (close && BROKEN_CLOSE_CODES.has(close.code)) {
    const sentence = `it broke before hello was answered: ${error.message}`;
    return new ConnectError(sentence, { reason: "broken", cause: error });
  }
  const sentence = `what answers there is no dsmq server: ${error.message}`;
  return new ConnectError(sentence, { reason: "not_dsmq", final: true, cause: error });
}

/** What a close code says of whether it is any use to come back. */
const CODE_OF_CLOSE: Readonly<Record<number, ErrorCode>> = {
  [CLOSE_CODE.policyViolation]: "closed",
  [CLOSE_CODE.serviceRestart]: "shutting_down",
  [CLOSE_CODE.tryAgainLater]: "limit_exceeded",
  [CLOSE_CODE.unauthorized]: "unauthorized",
  [CLOSE_CODE.sessionTakenOver]: "session_taken_over",
};

/** What the end of a line says as an error. */
export function errorCodeOf({ code }: SocketClose): ErrorCode | undefined {
  return CODE_OF_CLOSE[code];
}

/** It is no use to come back after that. */
export function isFinalCode(code: ErrorCode | undefined): boolean {
  return code === "closed" || code === "unauthorized" || code === "session_taken_over";
}

/** The promises that are known. */
const KNOWN_DURABILITIES: Readonly<Record<Durability, true>> = {
  memory: true,
  process: true,
  disk: true,
  quorum: true,
};

function parseWelcome(reply: Reply): Welcome {
  const { protocol, server = "", epoch = "", store = epoch, start, durability = "memory" } = reply;
  const {
    last = start,
    floor = 0,
    time = 0,
    dedupComplete = false,
    retention = DEFAULT_RETENTION,
    limits,
  } = reply;
  const { heartbeat: interval = 0 } = reply;
  const heartbeat = interval >= HEARTBEAT_INTERVAL.min
    ? Math.min(interval, HEARTBEAT_INTERVAL.max)
    : undefined;
  if (protocol !== PROTOCOL_VERSION || start === undefined || !isCount(limits?.messageBytes)) {
    throw new DsmqError(
      "protocol_error",
      `it does not speak version ${PROTOCOL_VERSION} of the protocol`,
    );
  }
  return {
    protocol,
    server,
    store,
    epoch,
    start,
    last: last!,
    floor,
    time,
    dedupComplete,
    // Of one that is not known nothing can be expected.
    durability: Object.hasOwn(KNOWN_DURABILITIES, durability) ? durability : "memory",
    retention,
    limits: parseLimits(limits!),
    heartbeat,
  };
}

/** What is no limit is taken as usual: nothing could be sent with it. What is more than any server may have, as the most. */
function parseLimits(given: { readonly [name in keyof Limits]?: unknown }): Limits {
  const limits: { -readonly [name in keyof Limits]: number } = clientLimits(DEFAULT_LIMITS);
  for (const name of Object.keys(limits) as (keyof Limits)[]) {
    const value = given[name];
    const { min, max } = LIMITS[name];
    if (isCount(value) && value >= min) limits[name] = Math.min(value, max);
  }
  return limits;
}

/**
 * Waits for something, but no longer than until the signal aborts.
 *
 * @param promise what is waited for
 * @param signal the signal
 * @returns its value
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = deferred<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
