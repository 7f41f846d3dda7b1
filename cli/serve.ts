/**
 * `dsmq serve`: runs a server until it is stopped.
 *
 * @module
 */

import type { LimitSpec } from "../protocol/client_limits.ts";
import {
  DEFAULT_HOST,
  DEFAULT_PORT,
  DEFAULT_RETENTION,
  LIMITS,
  type ServerLimits,
} from "../protocol/limits.ts";
import type { ServeOptions } from "../server.ts";
import "../server/start/preload.ts";
import {
  type ListeningServer,
  LogAddressError,
  openLog,
  OVERFLOWS,
  parseServeOptions,
  start,
  TRANSPORTS,
  VERSION,
} from "../server/start/start.ts";
import {
  type CliCommand,
  EXIT_CODE,
  type OptionSpec,
  type ParsedArguments,
  UsageError,
} from "./command.ts";
import { readServeFiles, rereadServeFiles, warnOfSharedFiles } from "./serve_files.ts";
import { LOG_OPTIONS, logStyle } from "./serve_log.ts";
import { loggedStore, STORE_OPTIONS, storeOptions } from "./serve_store.ts";
import { serverSignals } from "./signals.ts";
import { json, OutputClosed, outputLost, print } from "./terminal.ts";
import { JWT_OPTIONS, jwtOptionName, TOKEN_OPTIONS, unreadVariable } from "./tokens.ts";
import { stderr } from "../server/stderr.ts";
import {
  parseDuration,
  parseFilePath,
  parseWholeNumber,
  parseWord,
  PORT_RANGE,
  withUsageErrors,
} from "./values.ts";
import { whereToConnect } from "./where_to_connect.ts";

/** The limits that are durations. */
const TIME_LIMITS: readonly string[] = ["authTimeout", "groupRetention", "jobTimeout", "lease"];

/** Each limit with its option, such as `max-stored-bytes`. */
const LIMIT_OPTIONS = Object.entries(LIMITS).map(([name, limit]) => {
  const option = `max-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return { name: name as keyof ServerLimits, option, limit, isTime: TIME_LIMITS.includes(name) };
});

/** Options whose name differs from the library's. */
const OPTION_NAMES: Readonly<Record<string, string>> = {
  allowedHosts: "allow-host",
  allowedOrigins: "allow-origin",
  waitForStore: "wait-for-store",
};

/** Ports to listen on; 0 means any free port. */
const LISTEN_PORTS = { ...PORT_RANGE, min: 0 };
const RETENTION_RANGE = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** `dsmq serve`. */
export const serveCommand: CliCommand = {
  usage: "[HOST [PORT]]",
  summary: "start a server (the default command)",
  options: {
    host: {
      value: "HOST",
      help: `the address to listen on (${DEFAULT_HOST}: only this machine can connect)`,
    },
    port: {
      value: "PORT",
      help: `the port to listen on; 0 means any free port (${DEFAULT_PORT})`,
    },
    path: {
      value: "PATH",
      help: "the path below which it answers, such as /mq behind a proxy; others get 404 (/)",
    },
    retention: { value: "TIME", help: `how long messages are kept (${DEFAULT_RETENTION / 1000}s)` },
    ...STORE_OPTIONS,
    overflow: {
      value: "HOW",
      help: "when the store is full: reject puts, or drop-oldest messages (reject)",
    },
    group: {
      value: "TOPIC[=GROUP]",
      help:
        "a group of workers that is there before its first worker; may be given several times; TOPIC may be 'news.*'",
      repeatable: true,
    },
    transport: {
      value: "NAME",
      help: "builtin, or hardened if untrusted clients can connect, even through a proxy (builtin)",
    },
    ...TOKEN_OPTIONS,
    "token-file": {
      value: "FILE",
      help:
        "a file, each line TOKEN [PERMISSIONS [TOPIC|PREFIX*...]] or # and a comment; reloaded at SIGHUP",
    },
    ...JWT_OPTIONS,
    "allow-origin": {
      value: "ORIGINS",
      help:
        "origins of web pages that may connect, such as https://a.org,https://b.org, or * for all",
    },
    "allow-host": {
      value: "NAMES",
      help: "names of this server besides HOST and localhost, such as a.org,b.org",
    },
    cert: { value: "FILE", help: "the TLS certificate, in PEM; reloaded at SIGHUP" },
    key: { value: "FILE", help: "its private key; reloaded at SIGHUP" },
    ...Object.fromEntries(
      LIMIT_OPTIONS.map((
        { option, limit, isTime: isDuration },
      ) => [option, limitOption(limit, isDuration)]),
    ),
    "allow-shutdown": { help: "let clients stop the server" },
    metrics: {
      help: "count and measure what the server does, and answer GET /metrics for Prometheus",
    },
    json: { help: "print the address as a line of JSON" },
    ...LOG_OPTIONS,
  },
  positionals: [0, 2],
  async run(args) {
    using signals = serverSignals();
    const names = { cert: args.value("cert") ?? "cert", key: args.value("key") ?? "key" };
    // First everything that can be checked without reading a file.
    const given = { ...serveOptions(args), ...storeOptions(args), ...await groupOptions(args) };
    const ignoreIfStopped = (error: unknown) => {
      if (!signals.stop.aborted) throw error;
    };
    stderr.style = logStyle(args);
    const files = await readServeFiles(args).catch(ignoreIfStopped);
    if (!files) return reportStopped();
    const settings = withUsageErrors(() =>
      parseServeOptions(
        { ...given, ...files, signal: signals.stop },
        (name) => optionName(name, args),
      )
    );
    const log = openLog((event) => stderr.write(event), settings.clock);
    await warnOfSharedFiles(args);
    const server = await start({ ...settings, log }, names).catch((error) => {
      // The address of a log is parsed by what opens it.
      if (error instanceof LogAddressError) throw new UsageError(error.message, { cause: error });
      ignoreIfStopped(error);
    });
    if (!server) return reportStopped();
    const { host, port, url, storeDescription, transport } = server;
    signals.onHangup(() => rereadServeFiles(args, server));
    const token = server.withoutToken === undefined;
    await reportStarted(server, args);
    if (args.flag("json")) {
      print(json({ host, port, url, store: storeDescription, transport, token }));
    }
    // A failed write of the JSON line is fatal, because a program may wait for that line. A reader that has closed
    // the pipe after that line is no error.
    outputLost.addEventListener("abort", () => {
      if (!(outputLost.reason instanceof OutputClosed)) void server.shutdown();
    });
    await server.finished;
    return reportStopped();
  },
};

/** Says where it listens, and what a person wants to know first. */
async function reportStarted(server: ListeningServer, args: ParsedArguments): Promise<void> {
  const { url, storeDescription, transport, engineName, withoutToken } = server;
  // The same address also for curl.
  const schemes = `and http${url.startsWith("wss:") ? "s" : ""}://`;
  const note = transport === "builtin" ? schemes : `${schemes}, ${transport}`;
  const token = withoutToken === undefined;
  const access = token ? "a token is required" : `clients without a token may ${withoutToken}`;
  // Whether it was set nobody can know: who has set it must not believe that its token is required.
  const unread = unreadVariable(args);
  const unreadNote = unread === undefined ? "" : ` (${unread})`;
  const where = await whereToConnect(server);
  const message =
    `listens on ${where} (${note}); messages are stored in ${storeDescription}; ${access}${unreadNote}`;
  const store = loggedStore(args, storeDescription);
  const fields = { version: VERSION, url, transport, store, engine: engineName, token };
  stderr.write(
    { event: "server_started", message, fields },
    `dsmq ${VERSION} ${message}; press Ctrl-C to stop`,
  );
}

function reportStopped(): number {
  stderr.write({ event: "server_stopped", message: "stopped" });
  return EXIT_CODE.ok;
}

function serveOptions(args: ParsedArguments): ServeOptions {
  const [host = args.value("host"), port = args.value("port")] = args.positionals;
  if (
    (args.positionals.length > 0 && args.value("host")) ||
    (args.positionals.length > 1 && args.value("port"))
  ) {
    throw new UsageError("give host and port as arguments or as options, not both");
  }
  for (const [option, otherOption] of [["cert", "key"], ["key", "cert"]] as const) {
    const file = args.value(option);
    if (file === undefined) continue;
    parseFilePath(`--${option}`, file);
    if (args.value(otherOption) === undefined) {
      throw new UsageError(`TLS needs --cert and --key: --${otherOption} is missing`);
    }
  }
  const limits = Object.fromEntries(
    LIMIT_OPTIONS.flatMap(({ name, option, limit, isTime: isDuration }) => {
      const text = args.value(option);
      return text === undefined
        ? []
        : [[name, (isDuration ? parseDuration : parseWholeNumber)(`--${option}`, text, limit)]];
    }),
  ) as Partial<ServerLimits>;
  const valueOf = <Value>(option: string, read: (name: string, text: string) => Value) => {
    const text = args.value(option);
    return text === undefined ? undefined : read(`--${option}`, text);
  };
  const parsedWord = <Word extends string>(option: string, words: readonly Word[]) =>
    valueOf(option, (name, text) => parseWord(name, text, words));
  const all = {
    host,
    port: port === undefined
      ? undefined
      : parseWholeNumber(optionName("port", args), port, LISTEN_PORTS),
    retention: valueOf("retention", (name, text) => parseDuration(name, text, RETENTION_RANGE)),
    path: args.value("path"),
    overflow: parsedWord("overflow", OVERFLOWS),
    transport: parsedWord("transport", TRANSPORTS),
    limits,
    allowShutdown: args.flag("allow-shutdown"),
    metrics: args.flag("metrics"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What it reads them with is loaded only if there are some. */
async function groupOptions(args: ParsedArguments): Promise<Pick<ServeOptions, "groups">> {
  const words = args.values("group");
  if (words.length === 0) return {};
  const { parseGroupsToServe } = await import("./group_arguments.ts");
  return { groups: parseGroupsToServe(words) };
}

/** The command-line name of a library option. */
function optionName(name: string, { positionals }: ParsedArguments): string {
  if (name === "host" && positionals.length > 0) return "HOST";
  if (name === "port" && positionals.length > 1) return "PORT";
  if (name.startsWith("groups[")) return "TOPIC of --group";
  const limit = LIMIT_OPTIONS.find((limit) => name === `limits.${limit.name}`);
  return `--${limit?.option ?? jwtOptionName(name) ?? OPTION_NAMES[name] ?? name}`;
}

function limitOption(
  { description, default: defaultValue }: LimitSpec,
  isDuration: boolean,
): OptionSpec {
  if (isDuration) return { value: "TIME", help: `${description} (${defaultValue / 1000}s)` };
  return {
    value: "N",
    help: `${description} (${defaultValue === Infinity ? "no limit" : defaultValue})`,
  };
}
