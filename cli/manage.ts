/**
 * What manages a server: `dsmq topics`, `purge`, `connections`, `disconnect` and `shutdown`.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments, UsageError } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS, requireOneServer } from "./connect.ts";
import { type Columns, formatTime, printTable } from "./print_table.ts";
import {
  json,
  outputLost,
  print,
  printHint,
  printLine,
  waitForSpace,
  watchOutput,
} from "./terminal.ts";
import { parseFilters } from "./topic_filters.ts";
import { parseTopic } from "./values.ts";
import type { ConnectionInfo, PurgeOptions } from "../client.ts";
import { parsePosition } from "../protocol/position.ts";
import { parseSince } from "./since.ts";

/** The heads of the table, and what is below each. */
const COLUMNS: Columns<ConnectionInfo> = [
  ["ID", ({ id }) => id],
  ["KIND", ({ kind = "-" }) => kind],
  ["SINCE", ({ connectedAt }) => formatTime(connectedAt)],
  ["ADDRESS", ({ address }) => address],
  ["TOKEN", ({ identity }) => identity.slice(0, 12) || "-"],
  ["PERMISSIONS", ({ permissions }) => permissions.join() || "-"],
  ["SUBSCRIPTIONS", ({ subscriptions }) => String(subscriptions)],
  ["WORKERS", ({ workers = "-" }) => String(workers)],
  ["WAITS", ({ waits = "-" }) => String(waits)],
  ["UNREAD", ({ unreadBytes }) => String(unreadBytes)],
  ["", ({ own }) => own ? "this command" : ""],
];

/** `dsmq connections`. */
export const connectionsCommand: CliCommand = {
  usage: "",
  summary: "list the connections of a server, its own among them (permission admin)",
  options: {
    ...CONNECTION_OPTIONS,
    json: { help: "print each as a line of JSON; own marks that of this command" },
  },
  positionals: [0, 0],
  async run(args) {
    requireOneServer(args);
    using _ = watchOutput();
    await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
    const connections = await mq.connections();
    await printTable(connections, COLUMNS, args.flag("json") ? json : undefined);
    return EXIT_CODE.ok;
  },
};

/** `dsmq disconnect`. */
export const disconnectCommand: CliCommand = {
  usage: "ID",
  summary: "close a connection; its client may come back (permission admin)",
  options: CONNECTION_OPTIONS,
  positionals: [1, 1],
  async run(args) {
    const [id] = args.positionals as [string];
    if (id === "") throw new UsageError('ID must be one that dsmq connections prints, got ""');
    requireOneServer(args);
    await using mq = await connectFromArguments(args, undefined, {});
    await mq.disconnect(id);
    return EXIT_CODE.ok;
  },
};

const BEFORE_FORMS =
  "EPOCH:SEQ or seq:N (that message stays), a time ago with its unit (500ms, 90s, 10m, 2h, 1d), or a date such as 2026-01-31T12:00Z";

/** In the library a number alone is a sequence number, and in other options seconds: which is meant is not guessed here. */
const BARE_NUMBER = /^\d+(\.\d+)?$/;

/** `dsmq purge`. */
export const purgeCommand: CliCommand = {
  usage: "TOPIC",
  summary: "remove the messages of a topic from the server and its file (permission admin)",
  options: {
    ...CONNECTION_OPTIONS,
    before: { value: "WHEN", help: `only those stored before ${BEFORE_FORMS} (all)` },
    exact: { help: "take TOPIC as a name, also if it has a *" },
    json: { help: "print how many were removed as a line of JSON" },
  },
  positionals: [1, 1],
  async run(args) {
    const topic = parseTopic(args.positionals[0]!);
    // For tail it would be a prefix: nobody may believe that data was erased which was not.
    if (topic.includes("*") && !args.flag("exact")) {
      const hint = "with --exact a * is part of a name";
      throw new UsageError(`purge takes the name of one topic, got ${quoted(topic)}; ${hint}`);
    }
    const text = args.value("before");
    const before = text === undefined ? undefined : parseBefore(text);
    await using mq = await connectFromArguments(args, undefined, {});
    const purged = await mq.purge(topic, before === undefined ? {} : { before });
    if (args.flag("json")) print(json({ topic, purged }));
    else print(`${purged} ${purged === 1 ? "message" : "messages"} purged`);
    return EXIT_CODE.ok;
  },
};

/**
 * Parses `--before`.
 *
 * @param text a position, `seq:N`, a duration ago with its unit, or a date
 * @returns the same for the library
 * @throws {UsageError} if it is none of these
 */
export function parseBefore(text: string): NonNullable<PurgeOptions["before"]> {
  if (typeof parsePosition(text) === "object") return text;
  let hint = "";
  try {
    const since = parseSince(text);
    if (since !== "start" && since !== "now" && !BARE_NUMBER.test(text)) return since;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    hint = /(; did you mean .*|: there is no such .*)$/.exec(error.message)?.[1] ?? "";
  }
  // What looks like a date, such as 20260131, has the date for its hint.
  if (/^\d{1,15}(\.\d{1,3})?$/.test(text) && !hint.includes("-")) {
    hint = `; did you mean ${text.includes(".") ? "" : `seq:${text} or `}${text}s?`;
  }
  throw new UsageError(`--before must be ${BEFORE_FORMS}, got ${quoted(text)}${hint}`);
}

/** `dsmq topics`. */
export const topicsCommand: CliCommand = {
  usage: "[PREFIX]",
  summary: "list the topics that hold messages, with the number of messages and their bytes",
  options: {
    ...CONNECTION_OPTIONS,
    exact: { help: "a * at the end is part of PREFIX; otherwise news.* means the same as news." },
    json: {
      help:
        "print each as a line of JSON with topic, messages, bytes, stored, seq, time and readers",
    },
  },
  positionals: [0, 1],
  async run(args) {
    const prefix = topicsPrefix(args);
    using _ = watchOutput();
    await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
    const topics = await mq.topics(prefix);
    if (topics.length === 0) {
      const which = prefix === "" ? "" : ` that begins with ${quoted(prefix)}`;
      printHint(`dsmq: no topic${which} holds messages`);
    }
    const widthOf = (numbers: number[]) =>
      String(numbers.reduce((max, one) => Math.max(max, one), 0)).length;
    const width = widthOf(topics.map(({ messages }) => messages));
    const bytesWidth = widthOf(topics.map(({ bytes = 0 }) => bytes));
    for (const entry of topics) {
      const { topic, messages, bytes } = entry;
      // An older server does not tell the bytes.
      const size = bytes === undefined ? "" : `${String(bytes).padStart(bytesWidth)} B  `;
      if (args.flag("json")) print(json(entry));
      else printLine(`${String(messages).padStart(width)}  ${size}${topic}`);
      await waitForSpace();
    }
    return EXIT_CODE.ok;
  },
};

/** What is a prefix for `tail` is the same here: with its `*`, and without. */
function topicsPrefix(args: ParsedArguments): string {
  const [word = ""] = args.positionals;
  if (word === "") return "";
  const [filter] = parseFilters("topics", [word], args.flag("exact"));
  return typeof filter === "string" ? filter : filter!.prefix;
}

/** `dsmq shutdown`. */
export const shutdownCommand: CliCommand = {
  usage: "",
  summary: "stop a server that was started with --allow-shutdown",
  options: CONNECTION_OPTIONS,
  positionals: [0, 0],
  async run(args) {
    requireOneServer(args);
    await using mq = await connectFromArguments(args, undefined, { reconnectTimeout: false });
    await mq.shutdownServer();
    return EXIT_CODE.ok;
  },
};
