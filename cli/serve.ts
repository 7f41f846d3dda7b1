/**
 * `dsmq serve`: a server, until it is stopped.
 *
 * @module
 */

import { DEFAULT_HOST, DEFAULT_PORT, DEFAULT_RETENTION, LIMITS } from "../protocol/limits.ts";
import {
  type EngineChoice,
  serve as start,
  type ServeOptions,
  type TransportChoice,
  VERSION,
} from "../server.ts";
import { type Arguments, type Command, EXIT, UsageError } from "./command.ts";
import { print, say } from "./terminal.ts";
import { duration, whole } from "./values.ts";

/** The command. */
export const serve: Command = {
  takes: "[HOST [PORT]]",
  summary: "start a server (also without the word serve)",
  options: {
    host: { value: "HOST", help: `the address to listen on (${DEFAULT_HOST}: this machine alone)` },
    port: {
      value: "PORT",
      help: `the port to listen on, 0 for any that is free (${DEFAULT_PORT})`,
    },
    retention: { value: "TIME", help: `how long messages are kept (${DEFAULT_RETENTION / 1000}s)` },
    "max-message-bytes": {
      value: "N",
      help: `${LIMITS.messageBytes.says} (${LIMITS.messageBytes.usual})`,
    },
    transport: {
      value: "NAME",
      help: "builtin, or hardened where strangers reach the port (builtin)",
    },
    engine: { value: "NAME", help: "auto, @db/sqlite or node:sqlite (auto)" },
    "allow-shutdown": { help: "let clients stop the server" },
    json: { help: "print where it listens as a line of JSON" },
  },
  words: [0, 2],
  async run(args) {
    const server = await start({
      ...options(args),
      log: { info: say, warn: say, error: console.error },
    });
    const { host, port, url, store, transport } = server;
    const how = transport === "builtin" ? "" : ` (${transport})`;
    say(`dsmq ${VERSION} serves on ${url}${how}, with messages in ${store}; Ctrl-C stops it`);
    if (args.flag("json")) print(JSON.stringify({ host, port, url, store, transport }));
    await server.finished;
    say("dsmq: stopped");
    return EXIT.ok;
  },
};

function options(args: Arguments): ServeOptions {
  const [host = args.value("host"), port = args.value("port")] = args.words;
  if (
    (args.words.length > 0 && args.value("host")) || (args.words.length > 1 && args.value("port"))
  ) {
    throw new UsageError("serve takes host and port as words or as options, not as both");
  }
  const [retention, bytes, engine, transport] = [
    args.value("retention"),
    args.value("max-message-bytes"),
    args.value("engine"),
    args.value("transport"),
  ];
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: whole("port", port) }),
    ...(retention !== undefined && { retention: duration("retention", retention) }),
    ...(bytes !== undefined && { limits: { messageBytes: whole("max-message-bytes", bytes) } }),
    ...(transport !== undefined && { transport: transport as TransportChoice }),
    ...(engine !== undefined && { engine: engine as EngineChoice }),
    allowShutdown: args.flag("allow-shutdown"),
  };
}
