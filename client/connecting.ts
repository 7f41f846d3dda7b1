/**
 * From an address to a server that has said hello.
 *
 * @module
 */

import type { Answer, Welcome } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import { PROTOCOL } from "../protocol/limits.ts";
import type { WireSince } from "../protocol/requests.ts";
import { members } from "./asker.ts";
import { RefusedError } from "./deno/handshake.ts";
import { Link } from "./link.ts";
import type { Target } from "./options.ts";

/** A server may still be starting: so many tries, the pause between them doubling from 10 ms. */
const TRIES = 10;
const FIRST_PAUSE = 10;

/**
 * Connects and says hello.
 *
 * @param target what to connect to, and how
 * @returns the open link, and what the server said of itself
 * @throws {DsmqError} `unreachable`, if nobody answers, or not as a server of this protocol does;
 *   `unauthorized`, if the server asks for a token, and for none that was given
 */
export async function reach(target: Target): Promise<{ link: Link; welcome: Welcome }> {
  const { url, since, timeout } = target;
  const begin = Date.now();
  const time = AbortSignal.timeout(timeout);
  const signal = target.signal ? AbortSignal.any([target.signal, time]) : time;
  try {
    const link = await open(target, signal);
    if (!link) {
      throw unreachable(
        url,
        `no WebSocket server answers there (${TRIES} tries in ${seconds(begin)})`,
      );
    }
    try {
      return { link, welcome: complete(await orAborted(hello(link, since), signal)) };
    } catch (error) {
      void link.abandon();
      if (!(error instanceof DsmqError)) throw error;
      if (error.code === "unauthorized") throw unauthorized(target, error);
      throw unreachable(url, `what answers there is no dsmq server: ${error.message}`, error);
    }
  } catch (error) {
    // The caller's own signal is the caller's own error.
    target.signal?.throwIfAborted();
    if (error instanceof RefusedError) {
      throw error.status === 401
        ? unauthorized(target, error)
        : unreachable(url, error.message, error);
    }
    if (time.aborted) throw unreachable(url, `no answer in ${seconds(begin)}`, error);
    throw error;
  }
}

async function open({ url, dial }: Target, signal: AbortSignal): Promise<Link | undefined> {
  for (let tries = 1, pause = FIRST_PAUSE;; tries++, pause *= 2) {
    const link = await Link.open(url, dial, signal);
    if (link || tries === TRIES) return link;
    await rest(pause, signal);
  }
}

async function hello(link: Link, since: WireSince | undefined): Promise<Answer> {
  const said = members({ protocol: PROTOCOL, since });
  return await link.request("hello", undefined, said, (answer) => answer);
}

function complete(welcome: Answer): Welcome {
  const { protocol, server = "", epoch = "", start, kept = "memory", retention = 0, limits } =
    welcome;
  const { recalls = 0 } = welcome;
  if (protocol !== PROTOCOL || start === undefined || !Number.isSafeInteger(limits?.messageBytes)) {
    throw new DsmqError("bad_answer", `it does not speak version ${PROTOCOL} of the protocol`);
  }
  return { protocol, server, epoch, start, recalls, kept, retention, limits: limits! };
}

function unreachable(url: string, why: string, cause?: unknown): DsmqError {
  return new DsmqError("unreachable", `Cannot connect to ${url}: ${why}`, { cause });
}

function unauthorized({ url, hasToken }: Target, cause: unknown): DsmqError {
  const why = hasToken
    ? "the token that was given is not good there"
    : "it asks for a token, and none was given";
  return new DsmqError("unauthorized", `Cannot connect to ${url}: ${why}`, { cause });
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
