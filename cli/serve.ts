/**
 * `dsmq serve`: a server, until it is stopped.
 *
 * @module
 */

import {
  DEFAULT_HOST,
  DEFAULT_PORT,
  DEFAULT_RETENTION,
  type Limit,
  LIMITS,
  type ServerLimits,
} from "../protocol/limits.ts";
import {
  checked,
  DURABILITIES,
  ENGINES,
  type EntryOptions,
  isLoopback,
  OVERFLOWS,
  type ServeOptions,
  type Server,
  start,
  type StoreChoice,
  TRANSPORTS,
  VERSION,
} from "../server.ts";
import { type Arguments, type Command, EXIT, type Option, UsageError } from "./command.ts";
import { readable, sharedWithOthers } from "./files.ts";
import { serverSignals } from "./signals.ts";
import { json, OutputClosed, outputLost, print, say } from "./terminal.ts";
import { rereadTokens, serverTokens, TOKEN, unreadVariable } from "./tokens.ts";
import { report } from "../server/stderr.ts";
import { asUsage, duration, filePath, oneOf, PORTS, whole } from "./values.ts";
import { whereToConnect } from "./where.ts";

/** Each limit, with the name of its option, such as `max-stored-bytes`. */
const MAXIMA = Object.entries(LIMITS).map(([name, limit]) => {
  const option = `max-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return { name: name as keyof ServerLimits, option, limit, isTime: name === "tokenTime" };
});

/** Options that have another name in the library. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  allowedHosts: "allow-host",
  allowedOrigins: "allow-origin",
};

/** Any port to listen on, and 0 for one that is free. */
const ANY_PORT = { ...PORTS, least: 0 };
const RETENTION = { least: 1, most: Number.MAX_SAFE_INTEGER };

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
    store: { value: "WHERE", help: "what keeps messages: memory, or sqlite:PATH (memory)" },
    durability: {
      value: "HOW",
      help:
        "what messages in a file survive: full, a loss of power, or normal, the end of the process (full)",
    },
    overflow: {
      value: "HOW",
      help: "when as much is stored as may be: reject puts, or drop-oldest messages (reject)",
    },
    transport: {
      value: "NAME",
      help: "builtin, or hardened where strangers reach the port (builtin)",
    },
    engine: { value: "NAME", help: "auto, @db/sqlite or node:sqlite (auto)" },
    ...TOKEN,
    "token-file": {
      value: "FILE",
      help: "tokens, a line each: TOKEN [RIGHTS [PREFIX...]]; read again at SIGHUP",
    },
    "allow-origin": {
      value: "ORIGINS",
      help: "web pages that may connect, such as https://a.org,https://b.org, or * for all",
    },
    "allow-host": {
      value: "NAMES",
      help: "names of this server, beside HOST and localhost, such as a.org,b.org",
    },
    cert: { value: "FILE", help: "the certificate for TLS, in PEM; read again at SIGHUP" },
    key: { value: "FILE", help: "its private key; read again at SIGHUP" },
    ...Object.fromEntries(
      MAXIMA.map(({ option, limit, isTime }) => [option, maximum(limit, isTime)]),
    ),
    "allow-shutdown": { help: "let clients stop the server" },
    json: { help: "print where it listens as a line of JSON" },
  },
  words: [0, 2],
  async run(args) {
    using signals = serverSignals();
    const files = { cert: args.value("cert") ?? "cert", key: args.value("key") ?? "key" };
    // All that can be told without reading a file, first.
    const given = options(args);
    const unlessStopped = (error: unknown) => {
      if (!signals.stop.aborted) throw error;
    };
    const entry = await entryOptions(args).catch(unlessStopped);
    if (!entry) return stopped();
    const settings = asUsage(() =>
      checked({
        ...given,
        ...entry,
        signal: signals.stop,
        log: { info: report, warn: report, error: report },
      }, (name) => optionName(name, args))
    );
    await warnOfReaders(args);
    const server = await start(settings, files).catch(unlessStopped);
    if (!server) return stopped();
    const { host, port, url, store, transport } = server;
    signals.onHangup(() => reread(args, server));
    const how = transport === "builtin" ? "" : ` (${transport})`;
    const token = entry.token !== undefined || entry.tokens !== undefined;
    const whom = token ? ", and asks for a token" : "";
    const unread = token || isLoopback(host) ? undefined : unreadVariable();
    if (unread !== undefined) say(`dsmq: no token is asked for (${unread})`);
    const where = await whereToConnect(server);
    say(
      `dsmq ${VERSION} serves on ${where}${how}, with messages in ${store}${whom}; Ctrl-C stops it`,
    );
    if (args.flag("json")) print(json({ host, port, url, store, transport, token }));
    // Whoever waits for that line waits in vain: that is told at once. That it was read, and no more is, is no error.
    outputLost.addEventListener("abort", () => {
      if (!(outputLost.reason instanceof OutputClosed)) void server.shutdown();
    });
    await server.finished;
    return stopped();
  },
};

function stopped(): number {
  say("dsmq: stopped");
  return EXIT.ok;
}

/** Reads again what may have changed. What cannot be used leaves all as it was. */
async function reread(args: Arguments, server: Server): Promise<void> {
  await warnOfReaders(args);
  await rereadTokens(args, server);
  const [cert, key] = [args.value("cert"), args.value("key")];
  if (cert === undefined || key === undefined) {
    const nothing = args.value("token-file") === undefined;
    return nothing
      ? say("dsmq: there is nothing to read again: no --token-file, no --cert")
      : undefined;
  }
  try {
    await server.setCertificate(await readable(cert), await readable(key));
    say(`dsmq: read ${cert} again: those who come from now on get it`);
  } catch (error) {
    say(`dsmq: ${(error as Error).message}; the certificate is what it was`);
  }
}

/** Says of files with secrets that others can read them. */
async function warnOfReaders(args: Arguments): Promise<void> {
  for (const file of [args.value("token-file"), args.value("key")]) {
    const warning = file === undefined ? undefined : await sharedWithOthers(file);
    if (warning !== undefined) say(`dsmq: ${warning}`);
  }
}

/** Who may come in. */
async function entryOptions(args: Arguments): Promise<EntryOptions> {
  const [origins, hosts, cert, key] = ["allow-origin", "allow-host", "cert", "key"].map(args.value);
  return {
    ...await serverTokens(args),
    ...(origins !== undefined && { allowedOrigins: origins.split(/ *, */) }),
    ...(hosts !== undefined && { allowedHosts: hosts.split(/ *, */) }),
    ...(cert !== undefined && { cert: await readable(cert) }),
    ...(key !== undefined && { key: await readable(key) }),
  };
}

function options(args: Arguments): ServeOptions {
  const [host = args.value("host"), port = args.value("port")] = args.words;
  if (
    (args.words.length > 0 && args.value("host")) || (args.words.length > 1 && args.value("port"))
  ) {
    throw new UsageError("serve takes host and port as words or as options, not as both");
  }
  for (const [one, other] of [["cert", "key"], ["key", "cert"]] as const) {
    const file = args.value(one);
    if (file === undefined) continue;
    filePath(`--${one}`, file);
    if (args.value(other) === undefined) {
      throw new UsageError(`TLS needs --cert and --key, and there is no --${other}`);
    }
  }
  const limits = Object.fromEntries(MAXIMA.flatMap(({ name, option, limit, isTime }) => {
    const text = args.value(option);
    return text === undefined
      ? []
      : [[name, (isTime ? duration : whole)(`--${option}`, text, limit)]];
  })) as Partial<ServerLimits>;
  const given = <Value>(option: string, read: (name: string, text: string) => Value) => {
    const text = args.value(option);
    return text === undefined ? undefined : read(`--${option}`, text);
  };
  const word = <Word extends string>(option: string, words: readonly Word[]) =>
    given(option, (name, text) => oneOf(name, text, words));
  const all = {
    host,
    port: port === undefined ? undefined : whole(optionName("port", args), port, ANY_PORT),
    retention: given("retention", (name, text) => duration(name, text, RETENTION)),
    store: args.value("store") as StoreChoice | undefined,
    durability: word("durability", DURABILITIES),
    overflow: word("overflow", OVERFLOWS),
    engine: word("engine", ENGINES),
    transport: word("transport", TRANSPORTS),
    limits,
    allowShutdown: args.flag("allow-shutdown"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What an option of the library is called here. */
function optionName(name: string, { words }: Arguments): string {
  if (name === "host" && words.length > 0) return "HOST";
  if (name === "port" && words.length > 1) return "PORT";
  const limit = MAXIMA.find((limit) => name === `limits.${limit.name}`);
  return `--${limit?.option ?? OTHER_NAMES[name] ?? name}`;
}

function maximum({ says, usual }: Limit, isTime: boolean): Option {
  if (isTime) return { value: "TIME", help: `${says} (${usual / 1000}s)` };
  return { value: "N", help: `${says} (${usual === Infinity ? "no limit" : usual})` };
}
