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
import type { Arguments, Option } from "./command.ts";
import { say } from "./terminal.ts";
import { clientToken, TOKEN } from "./tokens.ts";
import { whole } from "./values.ts";

/** The options of every command that connects. */
export const CONNECTION: Readonly<Record<string, Option>> = {
  url: { value: "URL", help: "the server, such as wss://example.org/mq" },
  host: { value: "HOST", help: `the server's host (${DEFAULT_HOST})` },
  port: { value: "PORT", help: `the server's port (${DEFAULT_PORT})` },
  ...TOKEN,
};

/** For how long to try, unless a command says otherwise, and when to tell of a server that is silent, in milliseconds. */
const TIMEOUT = 3000;
const SLOW = 1000;

/**
 * Connects to the server that the arguments name. Why that fails is told at once, and once for each reason.
 *
 * @param args where it is
 * @param since from where to read
 * @param options how else to connect. Default of `timeout`: 3 s
 * @returns the connection
 */
export async function connection(
  args: Arguments,
  since: Since | undefined,
  { timeout = TIMEOUT, ...options }: Pick<ConnectOptions, "signal" | "reconnect" | "timeout"> = {},
): Promise<Connection> {
  const [url, host, port] = [args.value("url"), args.value("host"), args.value("port")];
  const token = await clientToken(args);
  const slow = setTimeout(() => say("dsmq: no answer yet, still trying to connect"), SLOW);
  // What stands in the body of an answer may be another each time: it counts by its kind.
  const told = new Set<string>();
  let left = timeout === Infinity ? "until Ctrl-C" : `for ${timeout / 1000} s`;
  const onRetry = ({ code, reason, status, message }: DsmqError) => {
    clearTimeout(slow);
    const kind = `${code} ${reason} ${status}`;
    if (!told.has(kind)) say(`dsmq: ${message}; trying again ${left}`);
    told.add(kind);
  };
  try {
    const mq = await connect({
      ...(url !== undefined && { url }),
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port: whole("port", port) }),
      ...(token !== undefined && { token }),
      ...(since !== undefined && { since }),
      timeout,
      onRetry,
      ...options,
    });
    told.clear();
    left = "until it is back";
    void tellOf(mq, () => told.clear());
    return mq;
  } finally {
    clearTimeout(slow);
  }
}

/**
 * A message as a program reads it.
 *
 * @param message the message
 * @returns one line of JSON
 */
export function asJson({ topic, seq, time, body }: Message): string {
  return JSON.stringify({ topic, seq, time, message: body });
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
