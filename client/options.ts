/**
 * How a client connects: the options, their defaults and their bounds.
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import { DEFAULT_HOST, DEFAULT_PORT, HEARTBEAT_INTERVAL } from "../protocol/limits.ts";
import { isOptions } from "../protocol/option_kinds.ts";
import type { WireSince } from "../protocol/requests.ts";
import { formatValue } from "../protocol/text.ts";
import { urlAuthority, webSocketUrl } from "./addresses.ts";
import { describeOption, requireOptions, requireSignal } from "./require_options.ts";
import { type Dial, resolveDial } from "./dial.ts";
import { type Since, toWireSince } from "./since.ts";
import { requireToken } from "./require_token.ts";

/** How to connect. Durations are in milliseconds. */
export interface ConnectOptions {
  /**
   * The address as a whole, such as `"ws://127.0.0.1:30008"` or `"wss://example.org/mq"`; instead of `host` and
   * `port`. Of several addresses of one queue, the first that answers is taken.
   */
  readonly url?: string | URL | readonly (string | URL)[];
  /** The host of the server. Default: `"127.0.0.1"`. */
  readonly host?: string;
  /** The port of the server. Default: 30008. */
  readonly port?: number;
  /**
   * The token, if the server asks for one: 1 to 1024 visible characters of ASCII. It goes into a header, and
   * from browsers, or with `dial`, among the subprotocols.
   */
  readonly token?: string;
  /** From where this connection reads. Default: `"now"`, what is stored after it connected. */
  readonly since?: Since;
  /**
   * Ends the connecting when it aborts: `connect` rejects with its reason. Once it has connected, the signal means nothing
   * more; what ends the connection is its `close`.
   */
  readonly signal?: AbortSignal;
  /** How to come back after a break; `false`: not at all. Default: see {@linkcode ReconnectOptions}. */
  readonly reconnect?: boolean | ReconnectOptions;
  /** How often the server gives a sign of life, from 100 to 600000 milliseconds. Default: 10000. */
  readonly heartbeatInterval?: number;
  /**
   * For how long to try to connect for the first time, in milliseconds; `Infinity`: for ever. What cannot get better
   * in that time, such as a wrong name or a bad certificate, is not tried again. Default: 15000.
   */
  readonly timeout?: number;
  /**
   * Is told of each try to connect that failed and is followed by another, the first time and after each break: with
   * the error that `connect` would reject with. What it throws ends the connecting.
   */
  readonly onRetry?: (error: DsmqError) => void;
  /**
   * How many calls may wait while there is no connection; each message of a put counts. One more rejects with
   * `limit_exceeded`. A list of `putMany` counts in parts, as they are taken. Default: 100000.
   */
  readonly maxPending?: number;
  /**
   * How many bytes all that is unanswered may take, whether or not there is a connection, before one more call rejects with
   * `limit_exceeded`. Each call counts as 100, and a put the characters of its messages, too. Default: 134217728, 128 MiB.
   */
  readonly maxPendingBytes?: number;
  /**
   * Opens the socket. Default: `new WebSocket(url, protocols)`, and on Deno one that sends without delay. That
   * one goes straight to the server: where a proxy of the environment has to be used, dial Deno's own.
   */
  readonly dial?: Dial;
}

/** How to come back after a break: after pauses that grow, each drawn by lot up to its length. Times are in milliseconds. */
export interface ReconnectOptions {
  /**
   * The longest first pause; each later one may be twice as long. With 0 the first try comes at once, and later pauses
   * grow from 2. Default: 100, or `maxDelay` if that is shorter.
   */
  readonly minDelay?: number;
  /**
   * No pause is longer; but after 16 tries in a row none is shorter than 10. Default: 5000, or `minDelay` if that is
   * longer.
   */
  readonly maxDelay?: number;
  /**
   * Gives up, and closes the connection, when nobody has answered for so long; time for which the process or its
   * machine slept does not count. Default: 600000, ten minutes.
   */
  readonly timeout?: number;
}

/** The same, complete. */
export type Backoff = Required<ReconnectOptions>;

/** Options, complete and checked. */
export interface ConnectTarget {
  readonly urls: readonly string[];
  /** Whether a token is brought. Which, only `dial` knows. */
  readonly hasToken: boolean;
  readonly since: WireSince | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeout: number;
  /** Is told of tries that failed. */
  readonly onRetry: ((error: DsmqError) => void) | undefined;
  /** How to come back, if at all. */
  readonly reconnect: Backoff | undefined;
  readonly heartbeatInterval: number;
  /** How much may wait. */
  readonly pendingLimits: PendingLimits;
  readonly dial: Dial;
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
    url: true,
    host: true,
    port: true,
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
 * Fills in the defaults and checks the options.
 *
 * @param target an address or options
 * @returns what to connect to, and how
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseOptions(target: string | URL | ConnectOptions = {}): ConnectTarget {
  const options: ConnectOptions = typeof target === "string" || target instanceof URL
    ? { url: target }
    : target;
  if (!isOptions(options, OPTIONS)) {
    const hint = Array.isArray(options) ? " (several addresses: { url: [...] })" : "";
    throw new TypeError(
      `Cannot connect: the target must be an address or options, got ${
        describeOption(options)
      }${hint}`,
    );
  }
  requireOptions("connect", options, OPTIONS);
  const {
    url,
    host = DEFAULT_HOST,
    port = DEFAULT_PORT,
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
  if (url !== undefined && (options.host !== undefined || options.port !== undefined)) {
    throw new TypeError(
      "Cannot connect: an address is given by url, or by host and port, not by both",
    );
  }
  if (onRetry !== undefined && typeof onRetry !== "function") {
    throw new TypeError(`Cannot connect: onRetry must be a function, got ${formatValue(onRetry)}`);
  }
  if (dial !== undefined && typeof dial !== "function") {
    throw new TypeError(`Cannot connect: dial must be a function, got ${formatValue(dial)}`);
  }
  requireSignal("connect", signal);
  if (!Number.isSafeInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(
      `Cannot connect: port must be a whole number from 1 to 65535, got ${formatValue(port)}`,
    );
  }
  if (typeof timeout !== "number" || !(timeout > 0)) {
    throw new RangeError(
      `Cannot connect: timeout must be milliseconds above 0, or Infinity, got ${
        formatValue(timeout)
      }`,
    );
  }
  const { min, max: value } = HEARTBEAT_INTERVAL;
  if (
    !Number.isSafeInteger(heartbeatInterval) || heartbeatInterval < min || heartbeatInterval > value
  ) {
    throw new RangeError(
      `Cannot connect: heartbeatInterval must be whole milliseconds from ${min} to ${value}, got ${
        formatValue(heartbeatInterval)
      }`,
    );
  }
  for (const [name, value] of Object.entries({ maxPending, maxPendingBytes })) {
    if (value !== Infinity && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(
        `Cannot connect: ${name} must be a whole number from 1, or Infinity, got ${
          formatValue(value)
        }`,
      );
    }
  }
  const addresses = [url === undefined ? `ws://${urlAuthority(host, port)}` : url].flat();
  if (addresses.length === 0) throw new TypeError("Cannot connect: there is no address in url");
  const urls = addresses.map((address) => webSocketUrl(address));
  if (token !== undefined) requireToken(token, urls);
  return {
    urls,
    hasToken: token !== undefined,
    since: toWireSince(since),
    signal,
    timeout,
    onRetry,
    reconnect: parseBackoff(reconnect),
    heartbeatInterval,
    pendingLimits: { calls: maxPending, bytes: maxPendingBytes },
    dial: resolveDial(dial, token),
  };
}

function parseBackoff(reconnect: boolean | ReconnectOptions): Backoff | undefined {
  if (typeof reconnect === "boolean") return reconnect ? DEFAULT_BACKOFF : undefined;
  if (reconnect === null || typeof reconnect !== "object") {
    throw new TypeError(
      `Cannot connect: reconnect must be true, false or options, got ${formatValue(reconnect)}`,
    );
  }
  requireOptions("connect", reconnect, Object.keys(DEFAULT_BACKOFF), "reconnect.");
  const { minDelay, maxDelay, timeout = DEFAULT_BACKOFF.timeout } = reconnect;
  for (
    const [name, value] of Object.entries({
      minDelay: minDelay,
      maxDelay: maxDelay,
      timeout: timeout,
    })
  ) {
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw new RangeError(
        `Cannot connect: reconnect.${name} must be milliseconds from 0, got ${formatValue(value)}`,
      );
    }
  }
  if (minDelay! > maxDelay!) {
    throw new RangeError(
      `Cannot connect: reconnect.maxDelay must be at least minDelay, got ${maxDelay} and ${minDelay}`,
    );
  }
  // The one that is not given makes way for the other.
  const { minDelay: defaultMin, maxDelay: defaultMax } = DEFAULT_BACKOFF;
  return {
    minDelay: minDelay ?? Math.min(defaultMin, maxDelay ?? defaultMin),
    maxDelay: maxDelay ?? Math.max(defaultMax, minDelay ?? defaultMax),
    timeout,
  };
}
