/**
 * How a client connects: the options, their defaults and their limits.
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import { HEARTBEAT_INTERVAL } from "../protocol/heartbeat.ts";
import type { WireSince } from "../protocol/requests.ts";
import { type Address, webSocketUrls } from "./addresses.ts";
import { rejectOldShape } from "./connect_arguments.ts";
import { resolveDial, type TokenDial } from "./dial.ts";
import {
  requireFunction,
  requireOptions,
  requireSignal,
  wrongNumber,
  wrongOption,
} from "./require_options.ts";
import { requireToken } from "./require_token.ts";
import type { TokenSource } from "./token_source.ts";
import { type Since, toWireSince } from "./since.ts";
import type { Dial } from "./socket.ts";

/** How to connect. Durations are in milliseconds. */
export interface ConnectOptions {
  /**
   * The token, if the server needs one: 1 to 8192 visible ASCII characters. It is sent in a header; from browsers, and
   * with `dial`, as a subprotocol, or in the first request if it is long. A function is asked for a token for each attempt to
   * connect, once for all addresses, and again before the token expires; it may take 10 seconds, but no longer than there is
   * time to connect, and if it fails it is asked again.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** Where this connection starts reading. Default: `"now"`, what is stored after it connected. */
  readonly since?: Since;
  /**
   * Cancels connecting when it aborts: `connect` rejects with its reason. Once connected, the signal has no effect; use
   * `close`.
   */
  readonly signal?: AbortSignal;
  /** How to reconnect; `false`: not at all. Default: see {@linkcode ReconnectOptions}. */
  readonly reconnect?: boolean | ReconnectOptions;
  /** How often the server sends a heartbeat, from 100 to 600000 milliseconds. Default: 10000. */
  readonly heartbeatInterval?: number;
  /**
   * How long to try to connect for the first time, in milliseconds; `Infinity` is no limit. An error that a retry cannot fix, such
   * as an unknown host name or an invalid certificate, ends the attempts at once. Default: 15000.
   */
  readonly timeout?: number;
  /**
   * Called after each failed attempt that is followed by another one, both for the first connection and when
   * reconnecting, with the error that `connect` would reject with. If it throws, connecting ends with that; also if it returns a
   * promise that rejects. Nothing waits for that promise.
   */
  readonly onRetry?: (error: DsmqError) => unknown;
  /**
   * How many calls may wait while there is no connection; each message of a put counts. One more rejects with
   * `limit_exceeded`. The list of a `putMany` counts part by part, as it is taken up; one of values that are being validated
   * counts as a whole. Default: 100000.
   */
  readonly maxPending?: number;
  /**
   * How many bytes all unanswered calls may take, with or without a connection, before another call rejects with
   * `limit_exceeded`. Each call counts as 100 bytes, and a put also the characters of its messages. Default: 134217728, 128 MiB.
   */
  readonly maxPendingBytes?: number;
  /**
   * Opens the socket. Default: `new WebSocket(url, protocols)`; on Deno a WebSocket of this library that sends without
   * delay. That one connects directly: if the environment names a proxy to be used, dial Deno's own WebSocket instead.
   */
  readonly dial?: Dial;
}

/** How to reconnect: exponential backoff with full jitter. Durations are in milliseconds. */
export interface ReconnectOptions {
  /**
   * The first delay; each later one, once all addresses were tried, is up to twice as long. Each actual delay is chosen at random
   * between 0 and that. With 0 the first attempt comes at once, and later delays grow from 2. Default: 100, or `maxDelay` if that is shorter.
   */
  readonly minDelay?: number;
  /**
   * No delay is longer. After 16 attempts at each address in a row none is shorter than 10. Default: 5000, or `minDelay` if that is
   * longer.
   */
  readonly maxDelay?: number;
  /**
   * How long to try to reconnect before the connection is closed for good. Time that the process or its machine was
   * asleep does not count. Default: 600000, ten minutes.
   */
  readonly timeout?: number;
}

/** The same, with the defaults filled in. */
export type Backoff = Required<ReconnectOptions>;

/** The options, checked and with the defaults filled in. */
export interface ConnectTarget {
  readonly urls: readonly string[];
  /** The token, or the function that returns it. */
  readonly token: TokenSource | undefined;
  readonly since: WireSince | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeout: number;
  /** Called after failed attempts. */
  readonly onRetry: ((error: DsmqError) => unknown) | undefined;
  /** How to reconnect, if at all. */
  readonly reconnect: Backoff | undefined;
  readonly heartbeatInterval: number;
  /** How much may be unanswered. */
  readonly pendingLimits: PendingLimits;
  readonly dial: TokenDial;
}

/** How many calls may be unanswered while there is no connection, and how many bytes they may take in any case. */
export interface PendingLimits {
  readonly calls: number;
  readonly bytes: number;
}

const DEFAULT_TIMEOUT = 15_000;
const DEFAULT_HEARTBEAT_INTERVAL = 10_000;
const DEFAULT_PENDING: PendingLimits = { calls: 100_000, bytes: 128 * 1024 * 1024 };
/** All options, by name. */
const OPTIONS = Object.keys(
  {
    token: true,
    since: true,
    signal: true,
    reconnect: true,
    heartbeatInterval: true,
    timeout: true,
    onRetry: true,
    maxPending: true,
    maxPendingBytes: true,
    dial: true,
  } satisfies Record<keyof ConnectOptions, true>,
);
const DEFAULT_BACKOFF: Backoff = { minDelay: 100, maxDelay: 5000, timeout: 600_000 };

/**
 * Fills in the defaults and checks address and options.
 *
 * @param address an address, or several
 * @param options how to connect
 * @returns what to connect to, and how
 * @throws {TypeError} if an address or an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseOptions(
  address: Address | readonly Address[] = {},
  options: ConnectOptions = {},
): ConnectTarget {
  rejectOldShape(address, options, OPTIONS);
  requireOptions("connect", options, OPTIONS);
  const {
    token,
    since,
    signal,
    timeout = DEFAULT_TIMEOUT,
    onRetry,
    reconnect = true,
    heartbeatInterval = DEFAULT_HEARTBEAT_INTERVAL,
    maxPending = DEFAULT_PENDING.calls,
    maxPendingBytes = DEFAULT_PENDING.bytes,
    dial,
  } = options;
  if (onRetry !== undefined) requireFunction("connect", "onRetry", onRetry);
  if (dial !== undefined) requireFunction("connect", "dial", dial);
  requireSignal("connect", signal);
  if (typeof timeout !== "number" || !(timeout > 0)) {
    throw wrongNumber("connect", "timeout", "milliseconds above 0, or Infinity", timeout);
  }
  const { min, max } = HEARTBEAT_INTERVAL;
  if (
    !Number.isSafeInteger(heartbeatInterval) || heartbeatInterval < min || heartbeatInterval > max
  ) {
    const expected = `whole milliseconds from ${min} to ${max}`;
    throw wrongNumber("connect", "heartbeatInterval", expected, heartbeatInterval);
  }
  for (const [name, value] of Object.entries({ maxPending, maxPendingBytes })) {
    if (value !== Infinity && !(Number.isSafeInteger(value) && value >= 1)) {
      throw wrongNumber("connect", name, "a whole number from 1, or Infinity", value);
    }
  }
  const urls = webSocketUrls(address);
  if (token !== undefined) requireToken(token, urls);
  return {
    urls,
    token,
    since: toWireSince("connect", since),
    signal,
    timeout,
    onRetry,
    reconnect: parseBackoff(reconnect),
    heartbeatInterval,
    pendingLimits: { calls: maxPending, bytes: maxPendingBytes },
    dial: resolveDial(dial, token !== undefined),
  };
}

function parseBackoff(reconnect: boolean | ReconnectOptions): Backoff | undefined {
  if (typeof reconnect === "boolean") return reconnect ? DEFAULT_BACKOFF : undefined;
  if (reconnect === null || typeof reconnect !== "object") {
    throw wrongOption("connect", "reconnect", "true, false or options", reconnect);
  }
  requireOptions("connect", reconnect, Object.keys(DEFAULT_BACKOFF), "reconnect.");
  const { minDelay, maxDelay, timeout = DEFAULT_BACKOFF.timeout } = reconnect;
  for (
    const [name, value] of Object.entries({ minDelay, maxDelay, timeout })
  ) {
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw wrongNumber("connect", `reconnect.${name}`, "milliseconds from 0", value);
    }
  }
  if (minDelay! > maxDelay!) {
    throw new RangeError(
      `Cannot connect: reconnect.maxDelay must be at least minDelay, got ${maxDelay} and ${minDelay}`,
    );
  }
  // A default gives way to the other option.
  const { minDelay: defaultMin, maxDelay: defaultMax } = DEFAULT_BACKOFF;
  return {
    minDelay: minDelay ?? Math.min(defaultMin, maxDelay ?? defaultMin),
    maxDelay: maxDelay ?? Math.max(defaultMax, minDelay ?? defaultMax),
    timeout,
  };
}
