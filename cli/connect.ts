/**
 * How commands connect to a server.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
  type DsmqError,
  type HostAddress,
  type Message,
  type Since,
} from "../client.ts";
import { DEFAULT_HOST, DEFAULT_PORT } from "../protocol/limits.ts";
import { urlAuthority, webSocketUrl } from "../client/addresses.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { json, printError } from "./terminal.ts";
import { clientToken, type GivenToken, TOKEN_OPTIONS } from "./tokens.ts";
import { parseWholeNumber, PORT_RANGE, withUsageErrors } from "./values.ts";

/** The options of every command that connects. */
export const CONNECTION_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  url: {
    value: "URL",
    help:
      "the server's address, such as ws://example.org:30008 or wss://example.org/mq; of several servers of one queue, once for each",
    repeatable: true,
  },
  host: { value: "HOST", help: `the server's host (${DEFAULT_HOST})` },
  port: { value: "PORT", help: `the server's port (${DEFAULT_PORT})` },
  ...TOKEN_OPTIONS,
};

/**
 * How long to try to connect, at first and after the connection is lost, unless a command sets another time; and when
 * to tell that the server has not answered yet. In milliseconds.
 */
const CONNECT_TIMEOUT = 3000;
const SLOW_CONNECT_NOTICE = 1000;

/** How long to wait for the server's close frame when nothing depends on it, in milliseconds. */
const CLOSE_TIMEOUT = 100;

/** How a command connects. Durations are in milliseconds. */
export interface CommandConnectOptions extends Pick<ConnectOptions, "signal" | "timeout"> {
  /** How long to try to reconnect; `false`: do not. */
  readonly reconnectTimeout?: number | false;
}

/**
 * Connects to the server that the arguments name. Each kind of failure is reported once, as soon as it happens.
 *
 * @param args the address and the token
 * @param since where to read from
 * @param options how long to try. Default of both times: 3 s
 * @returns the connection
 */
export async function connectFromArguments(
  args: ParsedArguments,
  since: Since | undefined,
  { signal, timeout = CONNECT_TIMEOUT, reconnectTimeout = CONNECT_TIMEOUT }: CommandConnectOptions =
    {},
): Promise<Connection> {
  const address = requireAddress(args);
  const givenToken = await clientToken(args);
  requireOneCredential(address, givenToken);
  const slowTimer = setTimeout(
    () => printError("dsmq: no answer yet, still trying to connect"),
    SLOW_CONNECT_NOTICE,
  );
  // The message can differ on each attempt, so failures are told apart by their kind.
  const reported = new Set<string>();
  const describePeriod = (ms: number, end: string) =>
    ms === Infinity ? `until ${end}` : `for ${ms / 1000} s`;
  let retryPeriod = describePeriod(timeout, "Ctrl-C");
  const onRetry = ({ code, reason, status, message }: DsmqError) => {
    clearTimeout(slowTimer);
    const failureKind = `${code} ${reason} ${status}`;
    if (!reported.has(failureKind)) printError(`dsmq: ${message}; retrying ${retryPeriod}`);
    reported.add(failureKind);
  };
  try {
    const mq = await connect(address, {
      ...(givenToken && { token: givenToken.token }),
      ...(since !== undefined && { since }),
      ...(signal && { signal }),
      timeout,
      onRetry,
      reconnect: reconnectTimeout !== false && { timeout: reconnectTimeout },
    });
    reported.clear();
    retryPeriod = describePeriod(reconnectTimeout || 0, "it is back");
    void reportStatus(mq, () => reported.clear());
    return mq;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(`Cannot connect: ${error.message}`, { cause: error });
  } finally {
    clearTimeout(slowTimer);
  }
}

/**
 * Reads the server's address, or those of several, so that a wrong one is reported before anything is tried.
 *
 * @param args the arguments of the command
 * @returns the addresses
 * @throws {UsageError} if one is invalid
 */
export function requireAddress(args: ParsedArguments): string[] | HostAddress {
  const [urls, host, text] = [args.values("url"), args.value("host"), args.value("port")];
  if (urls.length > 0 && (host !== undefined || text !== undefined)) {
    const other = host === undefined ? "--port" : "--host";
    throw new UsageError(
      `use --url, or --host and --port, not both: got --url and ${other}`,
    );
  }
  const port = text === undefined ? DEFAULT_PORT : parseWholeNumber("--port", text, PORT_RANGE);
  if (urls.length > 0) {
    return withUsageErrors(() => urls.map((url) => webSocketUrl(url, "--url")));
  }
  if (host !== undefined) withUsageErrors(() => urlAuthority(host, port, "--host"));
  return { host: host ?? DEFAULT_HOST, port };
}

/** Refuses the addresses of several servers, for a command that concerns one: which of them it is would be chance. */
export function requireOneServer(args: ParsedArguments): void {
  if (args.values("url").length <= 1) return;
  throw new UsageError("this command is for one server: give --url once");
}

/** A name and a password in the address and a token use the same header. */
function requireOneCredential(
  address: string[] | HostAddress,
  givenToken: GivenToken | undefined,
): void {
  if (!Array.isArray(address) || !givenToken) return;
  const named = address.map((url) => new URL(url));
  if (named.every(({ username, password }) => username === "" && password === "")) return;
  throw new UsageError(
    `use a name and a password in --url, or a token, not both: the token comes from ${givenToken.source}`,
  );
}

/**
 * Formats a message for programs.
 *
 * @param message the message
 * @returns one line of JSON
 */
export function messageJson({ topic, seq, position, time, body, ...attributes }: Message): string {
  return json({ topic, seq, position, time, body, ...attributes });
}

/**
 * Closes a connection that has no calls in flight. Nothing is lost if the server does not answer the close.
 *
 * @param mq the connection
 */
export async function closeQuickly(mq: Connection): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_TIMEOUT));
  await Promise.race([mq.close(), timeout]).finally(() => clearTimeout(timer));
}

/** Reports when the connection is lost, and when it is back. */
async function reportStatus(mq: Connection, onReconnected: () => void): Promise<void> {
  let isAway = false;
  for await (const { status, url, reason, epochChanged } of mq.statusChanges()) {
    if (status === "reconnecting" && !isAway) {
      printError(`dsmq: lost the connection to ${url}, ${reason}; reconnecting`);
    }
    if (status === "connected" && isAway) {
      const lostNote = epochChanged ? "; the server has lost its messages" : "";
      printError(`dsmq: reconnected to ${url}${lostNote}`);
      onReconnected();
    }
    isAway = status === "reconnecting";
  }
}
