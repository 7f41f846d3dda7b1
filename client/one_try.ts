/**
 * One try to reach a server: a socket is opened, and hello is answered.
 *
 * @module
 */

import type { Answer, Kept, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { isCount } from "../protocol/fields.ts";
import {
  clientLimits,
  DEFAULT_RETENTION,
  HEARTBEAT,
  largestAnswer,
  LIMITS,
  type Limits,
  PROTOCOL,
  USUAL_LIMITS,
} from "../protocol/limits.ts";
import { CLOSE } from "../protocol/websocket.ts";
import { AwakeTime } from "./awake_time.ts";
import { ConnectError } from "./connect_error.ts";
import { deferred } from "./deferred.ts";
import { type Break, Line } from "./line.ts";
import type { Target } from "./options.ts";

/** An open line, and what the server at its end said of itself. */
export interface Contact {
  readonly line: Line;
  readonly welcome: Welcome;
}

/**
 * Tries once. Nothing is left of a try that fails.
 *
 * @param url the address
 * @param target how to connect
 * @param hello makes what is said
 * @param longest how long it may take, in milliseconds
 * @param signal gives up when it aborts
 * @returns the contact
 * @throws {ConnectError} if it fails, also by the signal; anything else is not to be tried again
 */
export async function tryOnce(
  url: string,
  { dial, hasToken }: Pick<Target, "dial" | "hasToken">,
  hello: () => object,
  longest: number,
  signal: AbortSignal,
): Promise<Contact> {
  signal.throwIfAborted();
  const given = new AbortController();
  const giveUp = () => given.abort();
  const calledOff = new AwakeTime().alarm(longest, giveUp);
  signal.addEventListener("abort", giveUp);
  let line: Line | undefined;
  try {
    line = await Line.open(url, dial, given.signal);
    const welcome = complete(await orAborted(line.greet(hello()), given.signal));
    line.takeUpTo(largestAnswer(welcome.limits));
    return { line, welcome };
  } catch (error) {
    line?.drop("it was given up");
    if (error instanceof ConnectError) {
      throw error.status === 401 ? unauthorized(hasToken, error) : error;
    }
    if (given.signal.aborted) throw silent(line);
    throw error instanceof DsmqError ? refusal(error, hasToken) : error;
  } finally {
    calledOff();
    signal.removeEventListener("abort", giveUp);
  }
}

/** A try was given up. */
function silent(line: Line | undefined): ConnectError {
  return line
    ? new ConnectError("a WebSocket is opened there, but hello is not answered", {
      reason: "silent",
    })
    : new ConnectError("nothing answers there", { reason: "timed_out" });
}

function unauthorized(hasToken: boolean, cause: Error): ConnectError {
  const why = hasToken
    ? "the token that was given is not good there"
    : "it asks for a token, and none was given";
  const { reason, status } = cause instanceof ConnectError ? cause : {};
  return new ConnectError(why, { code: "unauthorized", reason, status, final: true, cause });
}

/** These may be otherwise in a moment. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["too_many", "stopping", "unavailable", "full"]);

/** Close codes of who goes, or whose server does: not of one who speaks something else. */
const BROKEN: ReadonlySet<number> = new Set([1001, 1006, 1011, 1014]);

/** The socket was open, and then hello was not answered as it has to be. */
function refusal(error: DsmqError, hasToken: boolean): ConnectError {
  const end = error.cause as Break | undefined;
  const code = end ? codeOf(end) : error.code;
  if (code === "unauthorized") return unauthorized(hasToken, error);
  if (code && (PASSING.has(code) || (end && code !== "closed"))) {
    return new ConnectError(error.message, { code, final: !PASSING.has(code), cause: error });
  }
  if (end && BROKEN.has(end.code)) {
    const why = `it broke before hello was answered: ${error.message}`;
    return new ConnectError(why, { reason: "broken", cause: error });
  }
  const why = `what answers there is no dsmq server: ${error.message}`;
  return new ConnectError(why, { reason: "not_dsmq", final: true, cause: error });
}

/** What a close code says of whether it is any use to come back. */
const SAYS: Readonly<Record<number, ErrorCode>> = {
  [CLOSE.policyViolation]: "closed",
  [CLOSE.serviceRestart]: "stopping",
  [CLOSE.tryAgainLater]: "too_many",
  [CLOSE.unauthorized]: "unauthorized",
  [CLOSE.replaced]: "replaced",
};

/** What the end of a line says as an error. */
export function codeOf({ code }: Break): ErrorCode | undefined {
  return SAYS[code];
}

/** It is no use to come back after that. */
export function isFinal(code: ErrorCode | undefined): boolean {
  return code === "closed" || code === "unauthorized" || code === "replaced";
}

/** The promises that are known. */
const KEPT: Readonly<Record<Kept, true>> = {
  memory: true,
  process: true,
  disk: true,
  quorum: true,
};

function complete(welcome: Answer): Welcome {
  const { protocol, server = "", epoch = "", store = epoch, start, kept = "memory" } = welcome;
  const {
    last = start,
    floor = 0,
    time = 0,
    recalled = false,
    retention = DEFAULT_RETENTION,
    limits,
  } = welcome;
  const { heartbeat: every = 0 } = welcome;
  const heartbeat = every >= HEARTBEAT.least ? Math.min(every, HEARTBEAT.most) : undefined;
  if (protocol !== PROTOCOL || start === undefined || !isCount(limits?.messageBytes)) {
    throw new DsmqError("bad_answer", `it does not speak version ${PROTOCOL} of the protocol`);
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
    recalled,
    // Of one that is not known nothing can be expected.
    kept: Object.hasOwn(KEPT, kept) ? kept : "memory",
    retention,
    limits: wholeLimits(limits!),
    heartbeat,
  };
}

/** What is no limit is taken as usual: nothing could be sent with it. What is more than any server may have, as the most. */
function wholeLimits(told: { readonly [name in keyof Limits]?: unknown }): Limits {
  const limits: { -readonly [name in keyof Limits]: number } = clientLimits(USUAL_LIMITS);
  for (const name of Object.keys(limits) as (keyof Limits)[]) {
    const limit = told[name];
    const { least, most } = LIMITS[name];
    if (isCount(limit) && limit >= least) limits[name] = Math.min(limit, most);
  }
  return limits;
}

/**
 * Waits for something, but no longer than until the signal aborts.
 *
 * @param work what is waited for
 * @param signal the signal
 * @returns its value
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = deferred<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
