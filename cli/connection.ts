/**
 * How commands reach a server.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
  type DsmqError,
  type Message,
  type Since,
} from "../client.ts";
import { DEFAULT_HOST, DEFAULT_PORT } from "../protocol/limits.ts";
import { authority, webSocketUrl } from "../client/addresses.ts";
import { type Arguments, type Option, UsageError } from "./command.ts";
import { json, say } from "./terminal.ts";
import { clientToken, type GivenToken, TOKEN } from "./tokens.ts";
import { asUsage, PORTS, whole } from "./values.ts";

/** The options of every command that connects. */
export const CONNECTION: Readonly<Record<string, Option>> = {
  url: { value: "URL", help: "the server, such as ws://example.org:30008 or wss://example.org/mq" },
  host: { value: "HOST", help: `the server's host (${DEFAULT_HOST})` },
  port: { value: "PORT", help: `the server's port (${DEFAULT_PORT})` },
  ...TOKEN,
};

/**
 * For how long to try, at first and after a break, unless a command says otherwise, and when to tell of a server that
 * is silent, in milliseconds.
 */
const TIMEOUT = 3000;
const SLOW = 1000;

/** How long a server has to answer a close that says good-bye for nothing else, in milliseconds. */
const CLOSE = 100;

/** How a command connects. Durations are in milliseconds. */
export interface TryOptions extends Pick<ConnectOptions, "signal" | "timeout"> {
  /** How long to look for a server that has gone; `false`: not at all. */
  readonly giveUpAfter?: number | false;
}

/**
 * Connects to the server that the arguments name. Why that fails is told at once, and once for each reason.
 *
 * @param args where it is
 * @param since from where to read
 * @param tries how long to try. Default of both times: 3 s
 * @returns the connection
 */
export async function connection(
  args: Arguments,
  since: Since | undefined,
  { signal, timeout = TIMEOUT, giveUpAfter = TIMEOUT }: TryOptions = {},
): Promise<Connection> {
  const address = requireAddress(args);
  const given = await clientToken(args);
  requireOneSecret(address, given);
  const slow = setTimeout(() => say("dsmq: no answer yet, still trying to connect"), SLOW);
  // What stands in the body of an answer may be another each time: it counts by its kind.
  const told = new Set<string>();
  const until = (ms: number, end: string) =>
    ms === Infinity ? `until ${end}` : `for ${ms / 1000} s`;
  let left = until(timeout, "Ctrl-C");
  const onRetry = ({ code, reason, status, message }: DsmqError) => {
    clearTimeout(slow);
    const kind = `${code} ${reason} ${status}`;
    if (!told.has(kind)) say(`dsmq: ${message}; trying again ${left}`);
    told.add(kind);
  };
  try {
    const mq = await connect({
      ...address,
      ...(given && { token: given.token }),
      ...(since !== undefined && { since }),
      ...(signal && { signal }),
      timeout,
      onRetry,
      reconnect: giveUpAfter !== false && { giveUpAfter },
    });
    told.clear();
    left = until(giveUpAfter || 0, "it is back");
    void tellOf(mq, () => told.clear());
    return mq;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(`Cannot connect: ${error.message}`, { cause: error });
  } finally {
    clearTimeout(slow);
  }
}

/**
 * Where the server is; what cannot be an address is told before anything is tried.
 *
 * @param args of the command
 * @returns its address
 * @throws {UsageError} if it is none
 */
export function requireAddress(args: Arguments): Pick<ConnectOptions, "url" | "host" | "port"> {
  const [url, host, text] = [args.value("url"), args.value("host"), args.value("port")];
  if (url !== undefined && (host !== undefined || text !== undefined)) {
    const other = host === undefined ? "--port" : "--host";
    throw new UsageError(
      `the server is given by --url, or by --host and --port: got --url and ${other}`,
    );
  }
  const port = text === undefined ? DEFAULT_PORT : whole("--port", text, PORTS);
  if (url !== undefined) return { url: asUsage(() => webSocketUrl(url, "--url")) };
  if (host !== undefined) asUsage(() => authority(host, port, "--host"));
  return { host: host ?? DEFAULT_HOST, port };
}

/** An address with a name and a password leaves no room for a token. */
function requireOneSecret(
  { url }: Pick<ConnectOptions, "url">,
  given: GivenToken | undefined,
): void {
  if (url === undefined || !given) return;
  const { username, password } = new URL(String(url));
  if (username === "" && password === "") return;
  throw new UsageError(
    `only one of both can be brought: a name and a password in --url, or a token: got both, the token by ${given.from}`,
  );
}

/**
 * A message as a program reads it.
 *
 * @param message the message
 * @returns one line of JSON
 */
export function asJson({ topic, seq, time, body }: Message): string {
  return json({ topic, seq, time, message: body });
}

/**
 * Closes a connection of which nobody waits for an answer any more: nothing is lost with a close that is not answered.
 *
 * @param mq the connection
 */
export async function leave(mq: Connection): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE));
  await Promise.race([mq.close(), late]).finally(() => clearTimeout(timer));
}

/** Says when the server is away, and when it is back. */
async function tellOf(mq: Connection, back: () => void): Promise<void> {
  let away = false;
  for await (const { state, url, why, epochChanged } of mq.states()) {
    if (state === "reconnecting" && !away) {
      say(`dsmq: lost the connection to ${url}, ${why}; trying to connect again`);
    }
    if (state === "connected" && away) {
      const lost = epochChanged ? "; it has lost the messages that it had" : "";
      say(`dsmq: connected again to ${url}${lost}`);
      back();
    }
    away = state === "reconnecting";
  }
}
