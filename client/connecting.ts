/**
 * From an address to a server that has said hello; and back to it, after a break.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { HEARTBEAT, PROTOCOL } from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { CLOSE } from "../protocol/websocket.ts";
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

/** How a link comes back. */
export interface Reach {
  /** Where the caller wanted to begin. */
  readonly since: WireSince | undefined;
  /** Under which name it puts; none, if it does not come back. */
  readonly session: string | undefined;
  /** Finds the next line; there if it comes back at all. `hellos` tell how far it has read. */
  again?(hellos: () => readonly object[], signal: AbortSignal): Promise<Contact>;
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
  const introduction = { protocol: PROTOCOL, session, heartbeat };
  const contact = await first(target, { ...introduction, since });
  if (!reconnect) return { contact, reach: { since, session } };
  const again: Reach["again"] = (hellos, signal) => {
    const introduced = () =>
      hellos().map((hello, i) => i > 0 ? hello : { ...introduction, ...hello });
    return back(target, reconnect, introduced, signal);
  };
  return { contact, reach: { since, session, again } };
}

/** Connects for the first time. */
async function first(target: Target, hello: object): Promise<Contact> {
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
          const contact = await contactOf(url, target, [hello], signal);
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

/** Connects once more, with pauses that grow and differ: those who lost the same server do not all come at once. */
async function back(
  target: Target,
  { firstPause, longestPause, giveUpAfter }: Backoff,
  hellos: () => readonly object[],
  signal: AbortSignal,
): Promise<Contact> {
  const { urls } = target;
  const begin = Date.now();
  for (let tries = 0;; tries++) {
    await rest(Math.random() * Math.min(longestPause, firstPause * 2 ** tries), signal);
    for (const url of urls) {
      try {
        const contact = await contactOf(url, target, hellos(), signal);
        if (contact) return contact;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof DsmqError && isFinal(error.code)) throw error;
      }
    }
    if (Date.now() - begin >= giveUpAfter) {
      throw unreachable(urls, `nobody answered for ${seconds(begin)}`);
    }
  }
}

/** One try; `undefined` if nobody answered. */
async function contactOf(
  url: string,
  { dial, hasToken }: Target,
  hellos: readonly object[],
  signal: AbortSignal,
): Promise<Contact | undefined> {
  const time = AbortSignal.timeout(ONE_TRY);
  const either = AbortSignal.any([signal, time]);
  let line: Line | undefined;
  try {
    line = await Line.open(url, dial, either);
    if (!line) return undefined;
    const [hello = {}, ...more] = hellos;
    const welcome = complete(await orAborted(line.greet(hello), either));
    for (const further of more) await orAborted(line.greet(further), either);
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
  const { protocol, server = "", epoch = "", start, recalls = 0, kept = "memory" } = welcome;
  const { retention = 0, limits } = welcome;
  const every = Number(welcome.heartbeat);
  const heartbeat = every >= HEARTBEAT.least ? every : undefined;
  if (protocol !== PROTOCOL || start === undefined || !Number.isSafeInteger(limits?.messageBytes)) {
    throw new DsmqError("bad_answer", `it does not speak version ${PROTOCOL} of the protocol`);
  }
  return { protocol, server, epoch, start, recalls, kept, retention, limits: limits!, heartbeat };
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
