/**
 * What looks after groups of workers: `dsmq groups`, `dead` and `redrive`.
 *
 * @module
 */

import type { Connection, GroupInfo } from "../client.ts";
import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments, UsageError } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { GROUP_OPTIONS, groupOf } from "./group_arguments.ts";
import { type Columns, formatTime, printTable } from "./print_table.ts";
import { sinceOf, sinceOption } from "./since.ts";
import {
  json,
  outputLost,
  print,
  printHint,
  printLine,
  waitForSpace,
  watchOutput,
} from "./terminal.ts";
import { parseWholeNumber } from "./values.ts";

const SINCE = sinceOption("start");

/** What is done with a group, besides listing it. */
const ACTIONS = ["create", "delete"] as const;

/** The heads of the table, and what is below each. */
const COLUMNS: Columns<GroupInfo> = [
  ["TOPIC", ({ topic, prefix }) => topic ?? `${prefix}*`],
  ["GROUP", ({ group }) => group],
  ["WAITING", ({ depth }) => String(depth)],
  ["HELD", ({ held }) => String(held)],
  ["DEAD", ({ dead }) => String(dead)],
  ["WORKERS", ({ workers }) => String(workers)],
  ["OLDEST", ({ oldest }) => oldest === undefined ? "-" : formatTime(oldest)],
  [
    "",
    ({ stalled, givenUp }) =>
      [...(stalled ? ["stalled"] : []), ...(givenUp > 0 ? [`${givenUp} given up`] : [])].join(", "),
  ],
];

/** `dsmq groups`. */
export const groupsCommand: CliCommand = {
  usage: "[TOPIC] | create TOPIC | delete TOPIC",
  summary: "list the groups of workers; make one before its first worker, or delete one",
  options: {
    ...CONNECTION_OPTIONS,
    ...GROUP_OPTIONS,
    since: { ...SINCE, help: `with create, where the group begins: ${SINCE.help}` },
    json: { help: "print each as a line of JSON" },
  },
  notes: [
    "WAITING counts the messages that no worker has, HELD those that one has. A group that is stalled has as many unfinished ones as it may have, and takes no new ones.",
    "delete needs the permission admin, all else work.",
  ],
  positionals: [0, 2],
  async run(args) {
    const [first, second] = args.positionals;
    const action = ACTIONS.find((name) => name === first && !args.flag("exact"));
    if (second !== undefined && !ACTIONS.some((name) => name === first)) {
      throw new UsageError(
        `groups takes [TOPIC], create TOPIC or delete TOPIC, got 2 arguments`,
      );
    }
    if (action && second === undefined) {
      throw new UsageError(
        `groups ${action} needs TOPIC; with --exact ${action} is the name of a topic`,
      );
    }
    if (args.value("since") !== undefined && first !== "create") {
      throw new UsageError("--since is for groups create");
    }
    using _ = watchOutput();
    if (second === undefined) return await listGroups(args, first);
    const { from, group } = groupOf("groups", second, args);
    const since = sinceOf(args, "start");
    await using mq = await connectFromArguments(args, undefined, {});
    const isNew = first === "create";
    const done = isNew
      ? await mq.createGroup(from, { group, since })
      : await mq.deleteGroup(from, { group });
    if (args.flag("json")) print(json(isNew ? { created: done } : { deleted: done }));
    else if (!done) {
      printHint(`dsmq: ${quoted(second)} has ${isNew ? "the" : "no"} group ${quoted(group)}`);
    }
    return EXIT_CODE.ok;
  },
};

async function listGroups(args: ParsedArguments, word: string | undefined): Promise<number> {
  const { from } = word === undefined ? { from: undefined } : groupOf("groups", word, args);
  await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
  const name = args.value("group");
  const groups = (await mq.groups(from)).filter(({ group }) =>
    name === undefined || group === name
  );
  const isJson = args.flag("json");
  if (groups.length === 0) {
    const which = word === undefined ? "" : ` of ${quoted(word)}`;
    printHint(`dsmq: there is no group${which}${name === undefined ? "" : ` ${quoted(name)}`}`);
  }
  if (groups.length > 0 || isJson) await printTable(groups, COLUMNS, isJson ? json : undefined);
  return EXIT_CODE.ok;
}

/** `dsmq dead`. */
export const deadCommand: CliCommand = {
  usage: "TOPIC",
  summary: "list the messages of a group that are dead: tried as often as they may be, or given up",
  options: {
    ...CONNECTION_OPTIONS,
    ...GROUP_OPTIONS,
    json: {
      help: "print topic, seq, time, attempt, at, reason, body and attributes as a line of JSON",
    },
  },
  positionals: [1, 1],
  run: (args) =>
    withGroup("dead", args, async (mq, { from, group }) => {
      for await (const job of mq.deadJobs(from, { group })) {
        const { topic, seq, time, attempt, at, reason, body, ...attributes } = job;
        const name = typeof from === "string" ? "" : `  ${topic}`;
        if (args.flag("json")) {
          print(json({ topic, seq, time, attempt, at, reason, body, ...attributes }));
        } else {
          const tries = `${attempt} ${attempt === 1 ? "attempt" : "attempts"}`;
          printLine(`${seq}${name}  ${formatTime(at)}  ${tries}  ${reason.replaceAll("\n", " ")}`);
        }
        await waitForSpace();
      }
    }),
};

/** `dsmq redrive`. */
export const redriveCommand: CliCommand = {
  usage: "TOPIC",
  summary: "have dead messages of a group worked on again, as if they had not been tried",
  options: {
    ...CONNECTION_OPTIONS,
    ...GROUP_OPTIONS,
    seq: { value: "N", help: "only the message with this sequence number (all)" },
    json: { help: "print how many as a line of JSON" },
  },
  positionals: [1, 1],
  async run(args) {
    const text = args.value("seq");
    const seq = text === undefined
      ? undefined
      : parseWholeNumber("--seq", text, { min: 1, max: Number.MAX_SAFE_INTEGER });
    return await withGroup("redrive", args, async (mq, { from, group }) => {
      const redriven = await mq.redrive(from, { group, ...(seq !== undefined && { seq }) });
      if (args.flag("json")) print(json({ redriven }));
      else print(`${redriven} ${redriven === 1 ? "message" : "messages"} redriven`);
    });
  },
};

/** Connects for what a command does with a group. */
async function withGroup(
  command: string,
  args: ParsedArguments,
  work: (mq: Connection, name: ReturnType<typeof groupOf>) => Promise<void>,
): Promise<number> {
  const name = groupOf(command, args.positionals[0]!, args);
  using _ = watchOutput();
  await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
  await work(mq, name);
  return EXIT_CODE.ok;
}
