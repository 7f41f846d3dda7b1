/**
 * From an address to a server that has said hello; and back to it, after a break.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { AwakeClock } from "./awake_clock.ts";
import { ConnectError } from "./connect_error.ts";
import type { KnownSeq } from "./known_position.ts";
import { redactUrl } from "./client_socket.ts";
import { abortable, attemptHandshake, type Handshake, isFinalCode } from "./handshake.ts";
import type { Backoff, ConnectTarget, PendingLimits } from "./options.ts";

/** A server may still be starting. The pauses between tries double from the first to the longest, in milliseconds. */
const CONNECT_DELAY = { min: 10, max: 1000 } as const;

/** How long one try may take, in milliseconds. */
const ATTEMPT_TIMEOUT = 5000;

/** Whatever a caller wants: after so many tries in a row no pause is shorter than this, in milliseconds. */
const MIN_DELAY_AFTER = { attempts: 16, delay: 10 } as const;

/** A pause is doubled so many times: beyond that it would be no number. */
const MAX_DOUBLINGS = 64;

/** A timer for longer than this, in milliseconds, would go off at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** A server that says when to come again is heeded up to so long, in milliseconds. */
const MAX_RETRY_AFTER = 5000;

/** How often it was tried to come back since something was answered, and how long it was away in all (ms). */
export interface Attempts {
  count: number;
  downtime: number;
}

/** What `hello` says of what was read and put. */
export interface HelloFields {
  readonly since: WireSince | undefined;
  readonly known?: KnownSeq | undefined;
  /** No frame of the server is to be larger, unless one answer is. */
  readonly frameBytes?: number | undefined;
}

/** How a link comes back. */
export interface ReconnectPlan {
  /** Where the caller wanted to begin. */
  readonly since: WireSince | undefined;
  /** Under which name it puts; none, if it does not come back. */
  readonly session: string | undefined;
  /** How much may wait. */
  readonly pendingLimits: PendingLimits;
  /** Finds the next line; there if it comes back at all. `hello` tells where it was. */
  redial?(hello: () => HelloFields, attempts: Attempts, signal: AbortSignal): Promise<Handshake>;
}

/**
 * Connects and says hello.
 *
 * @param target what to connect to, and how
 * @returns the contact, and how to come back
 * @throws {DsmqError} `unreachable`, if nobody answers, or not as a server of this protocol does; `unauthorized`,
 *   if the server asks for a token, and for none that was given
 */
export async function dialServer(
  target: ConnectTarget,
): Promise<{ handshake: Handshake; plan: ReconnectPlan }> {
  const { since, reconnect, heartbeatInterval, pendingLimits } = target;
  const session = reconnect && createSessionId();
  let attempt = 0;
  // Of two hellos of one session the one with the larger number counts, whichever arrives first.
  const makeHello = (hello: HelloFields) => () => ({
    protocol: PROTOCOL_VERSION,
    session,
    try: session && ++attempt,
    heartbeat: heartbeatInterval,
    ...hello,
  });
  const handshake = await dialFirst(target, makeHello({ since }));
  if (!reconnect) return { handshake, plan: { since, session, pendingLimits } };
  const redial: ReconnectPlan["redial"] = (hello, attempts, signal) =>
    dialAgain(target, reconnect, () => makeHello(hello())(), attempts, signal);
  return { handshake, plan: { since, session, pendingLimits, redial } };
}

/** Connects for the first time. */
async function dialFirst(target: ConnectTarget, hello: () => object): Promise<Handshake> {
  const { urls, timeout } = target;
  const clock = new AwakeClock();
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = clock.setTimer(timeout, abort);
  const { signal } = controller;
  const failures: AttemptFailures = new Map();
  let attempts = 0;
  try {
    target.signal?.addEventListener("abort", abort);
    target.signal?.throwIfAborted();
    for (
      let delayMs: number = CONNECT_DELAY.min;;
      delayMs = Math.min(2 * delayMs, CONNECT_DELAY.max)
    ) {
      attempts++;
      const candidates = urls.filter((url) => !failures.get(url)?.final);
      const remaining = () => timeout - clock.elapsed;
      const handshake = await attemptAll(candidates, target, hello, remaining, signal, failures);
      if (handshake) return handshake;
      const transient = candidates.filter((url) => !failures.get(url)!.final);
      if (transient.length === 0) throw connectFailure(failures);
      // No other follows on one that took all the time that was left.
      const willRetry = remaining() > CONNECT_DELAY.min;
      for (const url of willRetry ? candidates : []) {
        target.onRetry?.(connectFailure(new Map([[url, failures.get(url)!]])));
      }
      await delay(Math.max(delayMs, retryDelay(failures, MAX_RETRY_AFTER)), signal);
    }
  } catch (error) {
    // The caller's own signal is the caller's own error.
    target.signal?.throwIfAborted();
    if (!signal.aborted) throw error;
    throw connectFailure(
      failures,
      `${attempts} ${attempts === 1 ? "try" : "tries"} in ${formatSeconds(clock.elapsed)}`,
    );
  } finally {
    cancelTimer();
    target.signal?.removeEventListener("abort", abort);
  }
}

/**
 * Connects once more, with pauses that grow and differ: those who lost the same server do not all come at once. They
 * go on growing where a server lets the connection in, and it breaks before it was of any use.
 */
async function dialAgain(
  target: ConnectTarget,
  { minDelay, maxDelay, timeout }: Backoff,
  hello: () => object,
  attempts: Attempts,
  signal: AbortSignal,
): Promise<Handshake> {
  const { urls } = target;
  const downtimeBefore = attempts.downtime;
  const clock = new AwakeClock();
  // While an alarm is set, sleep is told from time.
  const cancelTimer = clock.setTimer(Infinity, () => {});
  const failures: AttemptFailures = new Map();
  try {
    for (;; attempts.count++) {
      attempts.downtime = downtimeBefore + clock.elapsed;
      if (attempts.count > 0 && attempts.downtime >= timeout) {
        throw connectFailure(
          failures,
          `nobody answered for ${formatSeconds(attempts.downtime)}`,
          urls,
        );
      }
      // Also where the first one is none, the others grow.
      const firstDelay = attempts.count === 0 ? minDelay : Math.max(1, minDelay);
      const longestDelay = Math.min(
        maxDelay,
        firstDelay * 2 ** Math.min(attempts.count, MAX_DOUBLINGS),
      );
      const delayMs = Math.max(
        Math.random() * longestDelay,
        attempts.count < MIN_DELAY_AFTER.attempts ? 0 : MIN_DELAY_AFTER.delay,
      );
      // The last try comes when the time is over, not a pause later.
      const remaining = Math.max(0, timeout - attempts.downtime);
      await delay(Math.min(remaining, Math.max(delayMs, retryDelay(failures, maxDelay))), signal);
      failures.clear();
      const handshake = await attemptAll(urls, target, hello, () => Infinity, signal, failures);
      if (handshake) {
        attempts.count++;
        return handshake;
      }
      if (isFinalFailure(failures)) throw connectFailure(failures);
      for (const failure of failures) target.onRetry?.(connectFailure(new Map([failure])));
    }
  } finally {
    attempts.downtime = downtimeBefore + clock.elapsed;
    cancelTimer();
  }
}

/** Why the last try of each address failed. */
type AttemptFailures = Map<string, ConnectError>;

/** Tries one address after another, each once: one that is dead leaves the others their share of the time that is left. */
async function attemptAll(
  urls: readonly string[],
  target: ConnectTarget,
  hello: () => object,
  remaining: () => number,
  signal: AbortSignal,
  failures: AttemptFailures,
): Promise<Handshake | undefined> {
  for (const [i, url] of urls.entries()) {
    const attemptTimeout = remaining() / (urls.length - i);
    try {
      return await attemptHandshake(
        url,
        target,
        hello,
        Math.min(ATTEMPT_TIMEOUT, attemptTimeout),
        signal,
      );
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      failures.set(url, error);
      signal.throwIfAborted();
    }
  }
}

/** It is no use to come back: a token that is refused at one address may be good at another, but nothing else may. */
function isFinalFailure(failures: AttemptFailures): boolean {
  const codes = [...failures.values()].map(({ code }) => code);
  return codes.every(isFinalCode) ||
    codes.some((code) => isFinalCode(code) && code !== "unauthorized");
}

/** How long the servers asked not to be asked again, up to a longest time. */
function retryDelay(failures: AttemptFailures, maxDelay: number): number {
  const transient = [...failures.values()].filter(({ final }) => !final);
  return transient.length > 0
    ? Math.min(maxDelay, ...transient.map(({ retryAfter }) => retryAfter))
    : 0;
}

/** What a caller gets: why it failed at each address, and when it was given up. */
function connectFailure(
  failures: AttemptFailures,
  whenGivenUp?: string,
  urls: readonly string[] = [...failures.keys()],
): DsmqError {
  const errors = [...failures.values()];
  const { code, reason, status } = errors.find(({ code }) => code !== "unreachable") ??
    errors[0] ?? { code: "unreachable" as const };
  const areAlike = new Set(errors.map(({ message }) => message)).size <= 1;
  const what = areAlike
    ? [urls.map(redactUrl).join(" or "), ...(errors[0] ? [errors[0].message] : [])].join(": ")
    : [...failures].map(([url, { message }]) => `${redactUrl(url)}: ${message}`).join("; ");
  const when = whenGivenUp === undefined
    ? ""
    : errors.length > 0
    ? ` (${whenGivenUp})`
    : `: ${whenGivenUp}`;
  const cause = errors.length > 1 ? new AggregateError(errors) : errors[0]?.cause ?? errors[0];
  return new DsmqError(code, `Cannot connect to ${what}${when}`, {
    ...(reason && { reason }),
    ...(status !== undefined && { status }),
    cause,
  });
}

/** A name that nobody guesses. Not `randomUUID`: browsers have that on secure pages alone. */
function createSessionId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Waits for a time (ms), or until the signal aborts. */
async function delay(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(ms, MAX_TIMER));
    });
    await abortable(elapsed, signal);
  } finally {
    clearTimeout(timer);
  }
}
