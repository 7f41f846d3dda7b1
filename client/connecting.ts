/**
 * From an address to a server that has said hello; and back to it, after a break.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import {
  clientLimits,
  DEFAULT_RETENTION,
  HEARTBEAT,
  LIMITS,
  type Limits,
  PROTOCOL,
  USUAL_LIMITS,
} from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Known } from "./asked.ts";
import { RefusedError } from "./deno/handshake.ts";
import { type Break, Line, shownUrl } from "./line.ts";
import type { Backoff, Target } from "./options.ts";

/** A server may still be starting: so many tries, the pause between them doubling from 10 ms. */
const TRIES = 10;
const FIRST_PAUSE = 10;

/** How long one try may take, in milliseconds. */
const ONE_TRY = 5000;

/** An open line, and what the server at its end said of itself. */
export interface Contact {
  readonly line: Line;
  readonly welcome: Welcome;
}

/** How often it was tried to come back since something was answered, and how long it was away in all (ms). */
export interface Tries {
  count: number;
  away: number;
}

/** What `hello` says of what was read and put. */
export interface Hello {
  readonly since: WireSince | undefined;
  readonly known?: Known | undefined;
}

/** How a link comes back. */
export interface Reach {
  /** Where the caller wanted to begin. */
  readonly since: WireSince | undefined;
  /** Under which name it puts; none, if it does not come back. */
  readonly session: string | undefined;
  /** Finds the next line; there if it comes back at all. `hello` tells where it was. */
  again?(hello: () => Hello, tries: Tries, signal: AbortSignal): Promise<Contact>;
}

/**
 * Connects and says hello.
 *
 * @param target what to connect to, and how
 * @returns the contact, and how to come back
 * @throws {DsmqError} `unreachable`, if nobody answers, or not as a server of this protocol does; `unauthorized`,
 *   if the server asks for a token, and for none that was given
 */
export async function reach(target: Target): Promise<{ contact: Contact; reach: Reach }> {
  const { since, reconnect, heartbeat } = target;
  const session = reconnect && drawSession();
  let number = 0;
  // Of two hellos of one session the one with the larger number counts, whichever arrives first.
  const introduce = (hello: Hello) => () => ({
    protocol: PROTOCOL,
    session,
    try: session && ++number,
    heartbeat,
    ...hello,
  });
  const contact = await first(target, introduce({ since }));
  if (!reconnect) return { contact, reach: { since, session } };
  const again: Reach["again"] = (hello, tries, signal) =>
    back(target, reconnect, () => introduce(hello())(), tries, signal);
  return { contact, reach: { since, session, again } };
}

/** Connects for the first time. */
async function first(target: Target, hello: () => object): Promise<Contact> {
  const { urls, timeout } = target;
  const begin = Date.now();
  const time = AbortSignal.timeout(timeout);
  const signal = target.signal ? AbortSignal.any([target.signal, time]) : time;
  let said: DsmqError | undefined;
  try {
    for (let tries = 1, pause = FIRST_PAUSE; tries <= TRIES; tries++, pause *= 2) {
      if (tries > 1) await rest(pause / 2, signal);
      for (const url of urls) {
        try {
          const contact = await contactOf(url, target, hello, signal);
          if (contact) return contact;
        } catch (error) {
          if (!mayPass(error)) throw error;
          said = error;
        }
      }
    }
    if (said) throw said;
    throw unreachable(
      urls,
      `no WebSocket server answers there (${TRIES} tries in ${seconds(begin)})`,
    );
  } catch (error) {
    // The caller's own signal is the caller's own error.
    target.signal?.throwIfAborted();
    if (time.aborted) throw unreachable(urls, `no answer in ${seconds(begin)}`, error);
    throw error;
  }
}

/**
 * Connects once more, with pauses that grow and differ: those who lost the same server do not all come at once. They
 * go on growing where a server lets the connection in, and it breaks before it was of any use.
 */
async function back(
  target: Target,
  { firstPause, longestPause, giveUpAfter }: Backoff,
  hello: () => object,
  tries: Tries,
  signal: AbortSignal,
): Promise<Contact> {
  const { urls } = target;
  for (const begin = performance.now() - tries.away;; tries.count++) {
    tries.away = performance.now() - begin;
    if (tries.count > 0 && tries.away >= giveUpAfter) {
      throw unreachable(urls, `nobody answered for ${(tries.away / 1000).toFixed(1)} s`);
    }
    const pause = Math.min(longestPause, firstPause * 2 ** tries.count);
    await rest(Math.random() * pause, signal);
    for (const url of urls) {
      try {
        const contact = await contactOf(url, target, hello, signal);
        if (!contact) continue;
        tries.count++;
        tries.away = performance.now() - begin;
        return contact;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof DsmqError && isFinal(error.code)) throw error;
      }
    }
  }
}

/** One try; `undefined` if nobody answered. */
async function contactOf(
  url: string,
  { dial, hasToken }: Target,
  hello: () => object,
  signal: AbortSignal,
): Promise<Contact | undefined> {
  const time = AbortSignal.timeout(ONE_TRY);
  const either = AbortSignal.any([signal, time]);
  let line: Line | undefined;
  try {
    line = await Line.open(url, dial, either);
    if (!line) return undefined;
    const welcome = complete(await orAborted(line.greet(hello()), either));
    return { line, welcome };
  } catch (error) {
    line?.drop("it was given up");
    signal.throwIfAborted();
    if (time.aborted) return undefined;
    if (error instanceof RefusedError) {
      throw error.status === 401
        ? unauthorized(url, hasToken, error)
        : unreachable([url], error.message, error);
    }
    if (!(error instanceof DsmqError)) throw error;
    const end = error.cause as Break | undefined;
    // The network cut it: as if nobody had answered.
    if (end?.code === 1006) return undefined;
    const code = end ? codeOf(end) : error.code === "unauthorized" ? error.code : undefined;
    if (code === "unauthorized") throw unauthorized(url, hasToken);
    if (code && code !== "closed") {
      throw new DsmqError(code, `Cannot connect to ${shownUrl(url)}: ${error.message}`);
    }
    throw unreachable([url], `what answers there is no dsmq server: ${error.message}`, error);
  }
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

/** It may be otherwise in a moment. */
function mayPass(error: unknown): error is DsmqError {
  return error instanceof DsmqError && (error.code === "too_many" || error.code === "stopping");
}

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
  const every = Number(welcome.heartbeat);
  const heartbeat = every >= HEARTBEAT.least ? every : undefined;
  if (protocol !== PROTOCOL || start === undefined || !Number.isSafeInteger(limits?.messageBytes)) {
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
    kept,
    retention,
    limits: wholeLimits(limits!),
    heartbeat,
  };
}

/** What is no limit is taken as usual: nothing could be sent with it. */
function wholeLimits(limits: Partial<Limits>): Limits {
  const good = Object.entries(limits).filter(([name, limit]) =>
    Number.isSafeInteger(limit) && limit >= (LIMITS[name as keyof Limits]?.least ?? Infinity)
  );
  return { ...clientLimits(USUAL_LIMITS), ...Object.fromEntries(good) };
}

/** A name that nobody guesses. Not `randomUUID`: browsers have that on secure pages alone. */
function drawSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

function unreachable(urls: readonly string[], why: string, cause?: unknown): DsmqError {
  return new DsmqError(
    "unreachable",
    `Cannot connect to ${urls.map(shownUrl).join(" or ")}: ${why}`,
    { cause },
  );
}

function unauthorized(url: string, hasToken: boolean, cause?: unknown): DsmqError {
  const why = hasToken
    ? "the token that was given is not good there"
    : "it asks for a token, and none was given";
  return new DsmqError("unauthorized", `Cannot connect to ${shownUrl(url)}: ${why}`, { cause });
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

/** Waits for a time (ms), or until the signal aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await orAborted(new Promise<void>((resolve) => timer = setTimeout(resolve, ms)), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for something, but no longer than until the signal aborts. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
