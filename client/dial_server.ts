/**
 * Dials a server until it has answered `hello`: the first time, and again after a break.
 *
 * @module
 */

import { encodeBase64Url } from "../protocol/base64url.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { moveBack, shuffle } from "./address_order.ts";
import { AwakeClock } from "./awake_clock.ts";
import { ConnectError } from "./connect_error.ts";
import { ConnectFailures, formatSeconds, RetryReports } from "./connect_failures.ts";
import { abortable } from "./abortable.ts";
import { attemptHandshake, type Handshake } from "./handshake.ts";
import { askForToken, type TokenSource } from "./token_source.ts";
import type { KnownSeq } from "./known_position.ts";
import type { Backoff, ConnectTarget, PendingLimits } from "./options.ts";

/**
 * A server may still be starting. The delays between attempts double from the first to the longest, in milliseconds, and halve
 * as the time runs out: a server that is there before that is found.
 */
const CONNECT_DELAY = { min: 10, max: 1000 } as const;

/** How long one attempt may take, in milliseconds. */
const ATTEMPT_TIMEOUT = 5000;

/** The same at first where there are several addresses, so that a dead one holds up nobody; it doubles from round to round. */
const FIRST_ATTEMPT_TIMEOUT = 1000;

/** Regardless of the caller's options: once all addresses were tried so often, no delay is shorter than `delay`, in milliseconds. */
const MIN_DELAY_AFTER = { rounds: 16, delay: 10 } as const;

/** The last attempt comes when the time is over: then a function has so long to return the token, in milliseconds. */
const MIN_TOKEN_TIME = 1000;

/** A delay is doubled at most this many times, so that it stays finite. */
const MAX_DOUBLINGS = 64;

/** A longer timer, in milliseconds, would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** If a server asks for a longer delay, it gets at most this, in milliseconds. */
const MAX_RETRY_AFTER = 5000;

/** The attempts to reconnect since a connection was useful, at any address, and how long there was no server in all (ms). */
export interface Attempts {
  count: number;
  downtime: number;
}

/** What `hello` says about what was read and put. */
export interface HelloFields {
  readonly since: WireSince | undefined;
  readonly known?: KnownSeq | undefined;
  /** The size of the server's frames, unless a single reply is larger. */
  readonly frameBytes?: number | undefined;
}

/** How to reconnect. */
export interface ReconnectPlan {
  /** Where the caller wants to begin. */
  readonly since: WireSince | undefined;
  /** The session of its puts; `undefined` if it does not reconnect. */
  readonly session: string | undefined;
  /** How much may be unanswered. */
  readonly pendingLimits: PendingLimits;
  /** The token, or the function that returns it. */
  readonly token: TokenSource | undefined;
  /** Dials again; `undefined` if it does not reconnect. `hello` says where it was. */
  redial?(hello: () => HelloFields, attempts: Attempts, signal: AbortSignal): Promise<Handshake>;
}

/** An open socket, and the address at which it was opened. */
type Dialled = Handshake & { readonly address: string };

/**
 * Connects for the first time.
 *
 * @param target where to connect to, and how
 * @returns the open socket, and how to reconnect
 * @throws {DsmqError} `unreachable`, if no dsmq server answers; `unauthorized`, if the server needs a token and did not
 *   accept the one that was given, or none was given
 */
export async function dialServer(
  target: ConnectTarget,
): Promise<{ handshake: Handshake; plan: ReconnectPlan }> {
  const { since, reconnect, heartbeatInterval, pendingLimits, token } = target;
  const session = reconnect && createSessionId();
  let attempt = 0;
  // Of two hellos of one session, the server takes the one with the larger number, whichever arrives first.
  const makeHello = (hello: HelloFields) => () => ({
    protocol: PROTOCOL_VERSION,
    session,
    try: session && ++attempt,
    heartbeat: heartbeatInterval,
    ...hello,
  });
  // The one that is tried next comes first; where it is connected, that one.
  const urls = shuffle([...target.urls]);
  const handshake = await dialFirst(target, urls, makeHello({ since }));
  if (!reconnect) return { handshake, plan: { since, session, pendingLimits, token } };
  const redial: ReconnectPlan["redial"] = (hello, attempts, signal) =>
    dialAgain(target, urls, reconnect, () => makeHello(hello())(), attempts, signal);
  return { handshake, plan: { since, session, pendingLimits, token, redial } };
}

/** Connects for the first time. */
async function dialFirst(
  target: ConnectTarget,
  urls: string[],
  hello: () => object,
): Promise<Handshake> {
  const { timeout } = target;
  const clock = new AwakeClock();
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = clock.setTimer(timeout, abort);
  const { signal } = controller;
  const failures = new ConnectFailures();
  const reports = new RetryReports(target.onRetry);
  let attempts = 0;
  try {
    target.signal?.addEventListener("abort", abort);
    target.signal?.throwIfAborted();
    for (
      let delayMs: number = CONNECT_DELAY.min;;
      delayMs = Math.min(2 * delayMs, CONNECT_DELAY.max)
    ) {
      const candidates = urls.filter((url) => !failures.isFinalAt(url));
      const remaining = () => timeout - clock.elapsed;
      const times = { remaining, forToken: remaining(), longest: longestAttempt(urls, attempts) };
      attempts++;
      const handshake = await attemptAll(candidates, target, hello, times, signal, failures);
      if (handshake) {
        moveBack(urls, urls.indexOf(handshake.address));
        return handshake;
      }
      if (candidates.every((url) => failures.isFinalAt(url))) throw failures.toError();
      const left = remaining();
      const delayed = Math.max(Math.min(delayMs, left / 2), failures.retryDelay(MAX_RETRY_AFTER));
      // Without time for another attempt this was the last, and the timeout ends waiting.
      const willRetry = left - delayed >= CONNECT_DELAY.min;
      if (willRetry) reports.tell(failures.lastErrors(candidates));
      await delay(willRetry ? delayed : Infinity, signal, reports.rejected);
    }
  } catch (error) {
    // If the caller's signal aborted, its reason is the error.
    target.signal?.throwIfAborted();
    if (!signal.aborted) throw error;
    throw failures.toError(
      `${attempts} ${attempts === 1 ? "try" : "tries"} in ${formatSeconds(clock.elapsed)}`,
    );
  } finally {
    cancelTimer();
    target.signal?.removeEventListener("abort", abort);
  }
}

/**
 * Reconnects, with exponential backoff and full jitter, so that clients which lost the same server do not all come at
 * once. The delays keep growing if a server accepts the connection and it breaks before it was useful. Where there are several
 * addresses, the one that it has lost comes last, and the delays grow only once all were tried.
 */
async function dialAgain(
  target: ConnectTarget,
  urls: string[],
  { minDelay, maxDelay, timeout }: Backoff,
  hello: () => object,
  attempts: Attempts,
  signal: AbortSignal,
): Promise<Handshake> {
  if (attempts.count === 0) shuffle(urls, 1);
  moveBack(urls, 1);
  const downtimeBefore = attempts.downtime;
  const clock = new AwakeClock();
  // Only while an alarm is set, time asleep is recognised.
  const cancelTimer = clock.setTimer(Infinity, () => {});
  const failures = new ConnectFailures();
  const reports = new RetryReports(target.onRetry);
  const requireTime = () => {
    const downtime = downtimeBefore + clock.elapsed;
    if (downtime < timeout) return;
    throw failures.toError(`given up after ${formatSeconds(downtime)}`, urls);
  };
  let hasAskedAgain: boolean = false;
  try {
    if (attempts.count > 0) requireTime();
    for (;;) {
      // How often all were tried, and how many were not since then.
      const round = Math.floor(attempts.count / urls.length);
      const untried = urls.length - attempts.count % urls.length;
      const doublings = untried < urls.length ? 0 : Math.min(round, MAX_DOUBLINGS);
      // Even if the first delay is 0, the others grow.
      const firstDelay = doublings === 0 ? minDelay : Math.max(1, minDelay);
      const longestDelay = Math.min(maxDelay, firstDelay * 2 ** doublings);
      const delayMs = Math.max(
        Math.random() * longestDelay,
        round < MIN_DELAY_AFTER.rounds ? 0 : MIN_DELAY_AFTER.delay,
      );
      // The last attempt comes when the time is over, not a delay later.
      const remaining = () => Math.max(0, timeout - downtimeBefore - clock.elapsed);
      const delayed = Math.min(remaining(), Math.max(delayMs, failures.retryDelay(maxDelay)));
      await delay(delayed, signal, reports.rejected);
      failures.clear();
      const forToken = Math.max(MIN_TOKEN_TIME, remaining());
      const times = { remaining: () => Infinity, forToken, longest: longestAttempt(urls, round) };
      const handshake = await attemptAll(urls, target, hello, times, signal, failures);
      const failed = handshake ? urls.indexOf(handshake.address) : untried;
      attempts.count += Math.min(failed + 1, untried);
      if (handshake) {
        moveBack(urls, failed);
        return handshake;
      }
      // The token may have expired just before, or its key may have changed: a fresh one may be accepted.
      const asksAgain: boolean = typeof target.token === "function" && !hasAskedAgain &&
        failures.isRefused;
      if (failures.isFinal && !asksAgain) throw failures.toError();
      hasAskedAgain ||= asksAgain;
      // Whoever is told of an attempt can rely on another one, so the time is not looked at again before that.
      requireTime();
      reports.tell(failures.lastErrors());
    }
  } finally {
    attempts.downtime = downtimeBefore + clock.elapsed;
    cancelTimer();
  }
}

/** How long a round of attempts may take, in milliseconds: the attempts, and before them a function that returns the token. */
interface RoundTimes {
  remaining(): number;
  readonly forToken: number;
  /** The longest that one attempt may take. */
  readonly longest: number;
}

/** How long an attempt may take in a round (ms): where there are others to go to, not long at first. */
function longestAttempt({ length }: readonly string[], round: number): number {
  return length === 1
    ? ATTEMPT_TIMEOUT
    : Math.min(ATTEMPT_TIMEOUT, FIRST_ATTEMPT_TIMEOUT * 2 ** round);
}

/** Tries each address once, with one token. A dead one leaves the others their share of the remaining time. */
async function attemptAll(
  urls: readonly string[],
  target: ConnectTarget,
  hello: () => object,
  { remaining, forToken, longest }: RoundTimes,
  signal: AbortSignal,
  failures: ConnectFailures,
): Promise<Dialled | undefined> {
  const { token: source } = target;
  let token: string | undefined;
  try {
    token = typeof source === "function" ? await askForToken(source, forToken, signal) : source;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    for (const url of urls) failures.add(url, error, undefined);
    signal.throwIfAborted();
    return undefined;
  }
  for (const [i, url] of urls.entries()) {
    const attemptTimeout = Math.min(longest, remaining() / (urls.length - i));
    try {
      const handshake = await attemptHandshake(url, target, token, hello, attemptTimeout, signal);
      return { ...handshake, address: url };
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      failures.add(url, error, isCutOff(error, attemptTimeout) ? attemptTimeout : undefined);
      signal.throwIfAborted();
    }
  }
}

/** Whether an attempt went unanswered in less than the usual time: the timeout of all attempts, or its share of it (ms). */
function isCutOff({ reason }: ConnectError, attemptTimeout: number): boolean {
  return attemptTimeout < ATTEMPT_TIMEOUT && (reason === "timed_out" || reason === "silent");
}

/** A session that nobody can guess. Not `randomUUID`: browsers have that only on secure pages. */
function createSessionId(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)));
}

/** Waits for a time (ms), or until the signal aborts or something rejects. */
async function delay(ms: number, signal: AbortSignal, rejected: Promise<never>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(ms, MAX_TIMER));
    });
    await abortable(Promise.race([rejected, elapsed]), signal);
  } finally {
    clearTimeout(timer);
  }
}
