/**
 * From an address to a server that has said hello; and back to it, after a break.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { PROTOCOL } from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { AwakeTime } from "./awake_time.ts";
import { ConnectError } from "./connect_error.ts";
import type { Known } from "./known.ts";
import { shownUrl } from "./line.ts";
import { type Contact, isFinal, orAborted, tryOnce } from "./one_try.ts";
import type { Backoff, PendingLimits, Target } from "./options.ts";

/** A server may still be starting. The pauses between tries double from the first to the longest, in milliseconds. */
const PAUSE = { first: 10, longest: 1000 } as const;

/** How long one try may take, in milliseconds. */
const ONE_TRY = 5000;

/** Whatever a caller wants: after so many tries in a row no pause is shorter than this, in milliseconds. */
const SOON = { tries: 16, pause: 10 } as const;

/** A pause is doubled so many times: beyond that it would be no number. */
const MOST_DOUBLED = 64;

/** A timer for longer than this, in milliseconds, would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A server that says when to come again is heeded up to so long, in milliseconds. */
const LONGEST_HEEDED = 5000;

/** How often it was tried to come back since something was answered, and how long it was away in all (ms). */
export interface Tries {
  count: number;
  away: number;
}

/** What `hello` says of what was read and put. */
export interface Hello {
  readonly since: WireSince | undefined;
  readonly known?: Known | undefined;
  /** No frame of the server is to be larger, unless one answer is. */
  readonly frameBytes?: number | undefined;
}

/** How a link comes back. */
export interface Reach {
  /** Where the caller wanted to begin. */
  readonly since: WireSince | undefined;
  /** Under which name it puts; none, if it does not come back. */
  readonly session: string | undefined;
  /** How much may wait. */
  readonly most: PendingLimits;
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
  const { since, reconnect, heartbeat, most } = target;
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
  if (!reconnect) return { contact, reach: { since, session, most } };
  const again: Reach["again"] = (hello, tries, signal) =>
    back(target, reconnect, () => introduce(hello())(), tries, signal);
  return { contact, reach: { since, session, most, again } };
}

/** Connects for the first time. */
async function first(target: Target, hello: () => object): Promise<Contact> {
  const { urls, timeout } = target;
  const time = new AwakeTime();
  const ended = new AbortController();
  const end = () => ended.abort();
  const calledOff = time.alarm(timeout, end);
  const { signal } = ended;
  const failures: Failures = new Map();
  let tries = 0;
  try {
    target.signal?.addEventListener("abort", end);
    target.signal?.throwIfAborted();
    for (let pause: number = PAUSE.first;; pause = Math.min(2 * pause, PAUSE.longest)) {
      tries++;
      const left = urls.filter((url) => !failures.get(url)?.final);
      const remaining = () => timeout - time.passed;
      const found = await tryAll(left, target, hello, remaining, signal, failures);
      if (found) return found;
      const passing = left.filter((url) => !failures.get(url)!.final);
      if (passing.length === 0) throw failed(failures);
      // No other follows on one that took all the time that was left.
      const goesOn = remaining() > PAUSE.first;
      for (const url of goesOn ? left : []) {
        target.onRetry?.(failed(new Map([[url, failures.get(url)!]])));
      }
      await rest(Math.max(pause, heeded(failures, LONGEST_HEEDED)), signal);
    }
  } catch (error) {
    // The caller's own signal is the caller's own error.
    target.signal?.throwIfAborted();
    if (!signal.aborted) throw error;
    throw failed(failures, `${tries} ${tries === 1 ? "try" : "tries"} in ${seconds(time.passed)}`);
  } finally {
    calledOff();
    target.signal?.removeEventListener("abort", end);
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
  const before = tries.away;
  const time = new AwakeTime();
  // While an alarm is set, sleep is told from time.
  const calledOff = time.alarm(Infinity, () => {});
  const failures: Failures = new Map();
  try {
    for (;; tries.count++) {
      tries.away = before + time.passed;
      if (tries.count > 0 && tries.away >= giveUpAfter) {
        throw failed(failures, `nobody answered for ${seconds(tries.away)}`, urls);
      }
      // Also where the first one is none, the others grow.
      const begin = tries.count === 0 ? firstPause : Math.max(1, firstPause);
      const longest = Math.min(longestPause, begin * 2 ** Math.min(tries.count, MOST_DOUBLED));
      const pause = Math.max(Math.random() * longest, tries.count < SOON.tries ? 0 : SOON.pause);
      // The last try comes when the time is over, not a pause later.
      const left = Math.max(0, giveUpAfter - tries.away);
      await rest(Math.min(left, Math.max(pause, heeded(failures, longestPause))), signal);
      failures.clear();
      const found = await tryAll(urls, target, hello, () => Infinity, signal, failures);
      if (found) {
        tries.count++;
        return found;
      }
      if (isOver(failures)) throw failed(failures);
      for (const failure of failures) target.onRetry?.(failed(new Map([failure])));
    }
  } finally {
    tries.away = before + time.passed;
    calledOff();
  }
}

/** Why the last try of each address failed. */
type Failures = Map<string, ConnectError>;

/** Tries one address after another, each once: one that is dead leaves the others their share of the time that is left. */
async function tryAll(
  urls: readonly string[],
  target: Target,
  hello: () => object,
  left: () => number,
  signal: AbortSignal,
  failures: Failures,
): Promise<Contact | undefined> {
  for (const [i, url] of urls.entries()) {
    const share = left() / (urls.length - i);
    try {
      return await tryOnce(url, target, hello, Math.min(ONE_TRY, share), signal);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      failures.set(url, error);
      signal.throwIfAborted();
    }
  }
}

/** It is no use to come back: a token that is refused at one address may be good at another, but nothing else may. */
function isOver(failures: Failures): boolean {
  const codes = [...failures.values()].map(({ code }) => code);
  return codes.every(isFinal) || codes.some((code) => isFinal(code) && code !== "unauthorized");
}

/** How long the servers asked not to be asked again, up to a longest time. */
function heeded(failures: Failures, longest: number): number {
  const asked = [...failures.values()].filter(({ final }) => !final);
  return asked.length > 0 ? Math.min(longest, ...asked.map(({ retryAfter }) => retryAfter)) : 0;
}

/** What a caller gets: why it failed at each address, and when it was given up. */
function failed(
  failures: Failures,
  givenUp?: string,
  urls: readonly string[] = [...failures.keys()],
): DsmqError {
  const errors = [...failures.values()];
  const { code, reason, status } = errors.find(({ code }) => code !== "unreachable") ??
    errors[0] ?? { code: "unreachable" as const };
  const alike = new Set(errors.map(({ message }) => message)).size <= 1;
  const what = alike
    ? [urls.map(shownUrl).join(" or "), ...(errors[0] ? [errors[0].message] : [])].join(": ")
    : [...failures].map(([url, { message }]) => `${shownUrl(url)}: ${message}`).join("; ");
  const when = givenUp === undefined ? "" : errors.length > 0 ? ` (${givenUp})` : `: ${givenUp}`;
  const cause = errors.length > 1 ? new AggregateError(errors) : errors[0]?.cause ?? errors[0];
  return new DsmqError(code, `Cannot connect to ${what}${when}`, {
    ...(reason && { reason }),
    ...(status !== undefined && { status }),
    cause,
  });
}

/** A name that nobody guesses. Not `randomUUID`: browsers have that on secure pages alone. */
function drawSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Waits for a time (ms), or until the signal aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const rested = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER));
    });
    await orAborted(rested, signal);
  } finally {
    clearTimeout(timer);
  }
}
