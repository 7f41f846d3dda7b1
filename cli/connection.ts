/**
 * How commands reach a server.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
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

/** A connection that takes long is told of, after so many milliseconds. */
const PATIENCE = 1000;

/**
 * Connects to the server that the arguments name.
 *
 * @param args where it is
 * @param since from where to read
 * @param options how else to connect
 * @returns the connection
 */
export async function connection(
  args: Arguments,
  since: Since | undefined,
  options: Pick<ConnectOptions, "signal" | "reconnect"> = {},
): Promise<Connection> {
  const [url, host, port] = [args.value("url"), args.value("host"), args.value("port")];
  const token = await clientToken(args);
  const timer = setTimeout(() => say("dsmq: no answer yet, still trying to connect"), PATIENCE);
  try {
    const mq = await connect({
      ...(url !== undefined && { url }),
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port: whole("port", port) }),
      ...(token !== undefined && { token }),
      ...(since !== undefined && { since }),
      ...options,
    });
    void tellOf(mq);
    return mq;
  } finally {
    clearTimeout(timer);
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
async function tellOf(mq: Connection): Promise<void> {
  let away = false;
  for await (const { state, url, why, epochChanged } of mq.states()) {
    if (state === "reconnecting" && !away) {
      say(`dsmq: lost the connection to ${url}, ${why}; trying to connect again`);
    }
    if (state === "connected" && away) {
      const lost = epochChanged ? "; it has lost the messages that it had" : "";
      say(`dsmq: connected again to ${url}${lost}`);
    }
    away = state === "reconnecting";
  }
}
