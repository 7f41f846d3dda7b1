/**
 * One attempt to connect: a WebSocket opens, and the server answers `hello`.
 *
 * @module
 */

import type { Welcome } from "../protocol/encode_replies.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { maxReplyFrameBytes } from "../protocol/frame_sizes.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import { formatValue } from "../protocol/text.ts";
import { CLOSE_CODE, SUBPROTOCOL } from "../protocol/websocket.ts";
import { AwakeClock } from "./awake_clock.ts";
import {
  ClientSocket,
  closeQuietly,
  describeClose,
  HELLO_ID,
  type SocketClose,
} from "./client_socket.ts";
import { ConnectError } from "./connect_error.ts";
import { abortable } from "./abortable.ts";
import { deferred } from "./deferred.ts";
import type { ConnectTarget } from "./options.ts";
import { toDsmqError } from "./pending_request.ts";
import type { TokenDial } from "./dial.ts";
import type { Socket } from "./socket.ts";

/** An open socket, and what the server said of itself. */
export interface Handshake {
  readonly socket: ClientSocket;
  readonly welcome: Welcome;
}

/**
 * Tries to connect once. An attempt that fails leaves nothing behind.
 *
 * @param url the address
 * @param target how to connect
 * @param token its token, if it has one
 * @param hello makes the fields of `hello`
 * @param timeout the timeout in milliseconds
 * @param signal cancels the attempt
 * @returns the socket, and what the server said of itself
 * @throws {ConnectError} if it fails, also by the signal; after any other error there must be no further attempt
 */
export async function attemptHandshake(
  url: string,
  { dial }: Pick<ConnectTarget, "dial">,
  token: string | undefined,
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
    const isEarly = token === undefined || token.length <= dial.maxTokenLength;
    socket = await openSocket(url, dial, isEarly ? token : undefined, controller.signal);
    const fields = isEarly ? hello() : { ...hello(), token };
    const welcome = await abortable(exchangeHello(socket, fields), controller.signal);
    socket.setMaxFrameBytes(maxReplyFrameBytes(welcome.limits));
    return { socket, welcome };
  } catch (error) {
    socket?.abort("it was given up");
    if (error instanceof ConnectError) {
      throw error.status === 401 ? unauthorizedError(token !== undefined, error) : error;
    }
    if (controller.signal.aborted) throw noReplyError(socket);
    throw error instanceof DsmqError ? helloError(error, token !== undefined) : error;
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Opens a socket.
 *
 * @param url the address
 * @param dial makes the WebSocket
 * @param token sent with its request, if there is one
 * @param signal cancels the attempt
 * @returns the socket
 * @throws {ConnectError} if it fails; also when the signal aborts, if the WebSocket knows how far it had come. Otherwise the
 *   signal's reason, or the error that Deno does not permit it
 */
async function openSocket(
  url: string,
  dial: TokenDial,
  token: string | undefined,
  signal: AbortSignal,
): Promise<ClientSocket> {
  signal.throwIfAborted();
  const socket = requireSocket(dial.open(url, [SUBPROTOCOL], token));
  const opened = deferred<ClientSocket>();
  const abort = () => {
    // Our own WebSocket on Deno says how far it had come.
    closeQuietly(socket);
    opened.reject(signal.reason);
  };
  signal.addEventListener("abort", abort);
  // The socket has its handlers before anything can arrive.
  socket.onopen = () => opened.resolve(new ClientSocket(url, socket));
  socket.onclose = ({ code, reason }) =>
    opened.reject(
      new ConnectError(
        `it was closed before it was open, with ${describeClose(code, reason)}`,
        { reason: "unknown" },
      ),
    );
  socket.onerror = (event) => opened.reject(openingError(event as Partial<ErrorEvent>));
  try {
    return await opened.promise;
  } catch (error) {
    closeQuietly(socket);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The caller's own `dial` may return anything; from something that is not a WebSocket no event would ever come. */
function requireSocket(socket: Socket): Socket {
  const { send, close, then } = Object(socket);
  if (typeof send === "function" && typeof close === "function") return socket;
  const isPromise = typeof then === "function";
  // Nobody else takes what becomes of it: neither an open socket nor a rejection, which would end the program.
  if (isPromise) Promise.resolve(socket).then(closeUnused).catch(() => {});
  const got = isPromise ? "a promise" : formatValue(socket);
  throw new TypeError(`Cannot connect: dial must return a WebSocket, got ${got}`);
}

/** Closes a socket that nobody uses. That of `npm:ws` has an error if it is not open yet, which ends a program without a handler. */
function closeUnused(socket: Socket): void {
  socket.onerror = () => {};
  closeQuietly(socket);
}

/** Why a WebSocket does not open, as far as it says so; in browsers it does not. */
function openingError({ error, message }: Partial<ErrorEvent>): Error {
  if (error instanceof ConnectError || error?.name === "NotCapable") return error;
  return new ConnectError(message ? message : unknownReason(), { reason: "unknown", cause: error });
}

/** What may be wrong where a WebSocket does not say it. */
function unknownReason(): string {
  // That of a page or worker.
  const { origin } = globalThis as { origin?: string };
  if (origin === undefined) return "the WebSocket does not say why";
  const advice = origin === "null"
    ? "this page has no origin to allow: load it from a web server"
    : `the server must allow the origin ${origin}`;
  return `the browser does not say why; ${advice}`;
}

/**
 * Sends `hello`.
 *
 * @param socket an open socket that nobody uses
 * @param fields the fields of `hello`
 * @returns what the server says of itself; rejects with the server's error, or with `closed` and the {@linkcode SocketClose} as
 *   its cause
 */
async function exchangeHello(socket: ClientSocket, fields: object): Promise<Welcome> {
  const welcome = deferred<Welcome>();
  socket.attach({
    onFrame: (replies) => {
      if (!replies) return welcome.reject(protocolMismatch("what it sends violates the protocol"));
      const index = replies.findIndex((reply) => "id" in reply && reply.id === HELLO_ID);
      if (index < 0) return;
      const reply = replies[index]!;
      if (reply.kind === "welcome") welcome.resolve(reply.welcome);
      else if (reply.kind === "error") welcome.reject(toDsmqError(reply.error));
      else {
        const reason = `it does not speak version ${PROTOCOL_VERSION} of the protocol`;
        welcome.reject(protocolMismatch(reason));
      }
      // Other replies in the same frame are for the next user.
      socket.detach(replies.slice(index + 1));
    },
    onClose: (close) => welcome.reject(new DsmqError("closed", close.reason, { cause: close })),
  });
  const progress = socket.bytesReceived !== undefined || undefined;
  socket.send(JSON.stringify({ action: "hello", id: HELLO_ID, ...fields, progress }));
  return await welcome.promise;
}

function protocolMismatch(reason: string): DsmqError {
  return new DsmqError("protocol_error", reason);
}

/** The error of an attempt that was cancelled, or took too long. */
function noReplyError(socket: ClientSocket | undefined): ConnectError {
  return socket
    ? new ConnectError("a WebSocket opens there, but hello is not answered", {
      reason: "silent",
    })
    : new ConnectError("nothing answers there", { reason: "timed_out" });
}

function unauthorizedError(hasToken: boolean, cause: Error): ConnectError {
  const sentence = hasToken
    ? "the server does not accept the token"
    : "the server needs a token, and none was given";
  const { reason, status } = cause instanceof ConnectError ? cause : {};
  return new ConnectError(sentence, { code: "unauthorized", reason, status, final: true, cause });
}

/** These errors may pass soon. */
const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set([
  "limit_exceeded",
  "shutting_down",
  "unavailable",
  "busy",
  "behind",
  "full",
]);

/** Close codes of servers and proxies that fail or go away, not of programs that speak another protocol. */
const BROKEN_CLOSE_CODES: ReadonlySet<number> = new Set([
  1001,
  1006,
  1011,
  1014,
  CLOSE_CODE.timedOut,
]);

/** The error of an attempt whose socket opened, but whose `hello` was not answered as it must be. */
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
  const sentence = `what answers there is not a dsmq server: ${error.message}`;
  return new ConnectError(sentence, { reason: "not_dsmq", final: true, cause: error });
}

/** What a close code says about reconnecting. */
const CODE_OF_CLOSE: Readonly<Record<number, ErrorCode>> = {
  [CLOSE_CODE.policyViolation]: "closed",
  [CLOSE_CODE.serviceRestart]: "shutting_down",
  [CLOSE_CODE.tryAgainLater]: "limit_exceeded",
  [CLOSE_CODE.unauthorized]: "unauthorized",
  [CLOSE_CODE.sessionTakenOver]: "session_taken_over",
};

/** The error code for the close of a socket. */
export function errorCodeOf({ code }: SocketClose): ErrorCode | undefined {
  return CODE_OF_CLOSE[code];
}

/** Reconnecting would not help after that. */
export function isFinalCode(code: ErrorCode | undefined): boolean {
  return code === "closed" || code === "unauthorized" || code === "session_taken_over";
}
