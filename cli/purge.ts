/**
 * `dsmq purge`.
 *
 * @module
 */

import type { PurgeOptions } from "../client.ts";
import { parsePosition } from "../protocol/position.ts";
import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE, UsageError } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { parseSince } from "./since.ts";
import { json, print } from "./terminal.ts";
import { parseTopic } from "./values.ts";

const BEFORE_FORMS =
  "EPOCH:SEQ or seq:N (that message stays), a time ago such as 10m, or a date such as 2026-01-31T12:00Z";

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
    // For tail it would be a prefix: who erases data must not believe that this has happened.
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
 * @param text a position, `seq:N`, a duration ago, or a date
 * @returns the same for the library
 * @throws {UsageError} if it is none of these
 */
export function parseBefore(text: string): NonNullable<PurgeOptions["before"]> {
  if (typeof parsePosition(text) === "object") return text;
  try {
    const since = parseSince(text);
    if (since !== "start" && since !== "now") return since;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = /(; did you mean .*|: there is no such .*)$/.exec(error.message)?.[1] ?? "";
    throw new UsageError(`--before must be ${BEFORE_FORMS}, got ${quoted(text)}${hint}`);
  }
  throw new UsageError(`--before must be ${BEFORE_FORMS}, got ${quoted(text)}`);
}
