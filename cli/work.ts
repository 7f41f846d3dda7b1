/**
 * `dsmq work`: runs a command for each message of a topic, shared among all workers of a group.
 *
 * @module
 */

import {
  DEFAULT_ATTEMPTS,
  DEFAULT_JOB_TIMEOUT,
  DEFAULT_LEASE,
  MAX_CLAIMS,
  MIN_LEASE,
} from "../protocol/group_limits.ts";
import { LIMITS } from "../protocol/limits.ts";
import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments, UsageError } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { GROUP_OPTIONS, groupOf } from "./group_arguments.ts";
import { JobCommands } from "./job_commands.ts";
import { interruptTwice } from "./signals.ts";
import { sinceOf, sinceOption } from "./since.ts";
import { outputLost, printError, printHint, watchOutput } from "./terminal.ts";
import { parseDuration, parseWholeNumber } from "./values.ts";

const SINCE = sinceOption("start");

/** `dsmq work`. */
export const workCommand: CliCommand = {
  usage: "TOPIC -- COMMAND [ARGUMENT...]",
  summary: "run a command for each message of a topic, shared among the workers of a group",
  options: {
    ...CONNECTION_OPTIONS,
    ...GROUP_OPTIONS,
    concurrency: { value: "N", help: "how many commands run at one time (1)" },
    timeout: {
      value: "TIME",
      help: `how long a command may run: then it is ended, and its message is to be tried again (${
        DEFAULT_JOB_TIMEOUT / 1000
      }s)`,
    },
    lease: {
      value: "TIME",
      help: `after how long others get its messages if this worker is gone (${
        DEFAULT_LEASE / 1000
      }s)`,
    },
    attempts: {
      value: "N",
      help: `how often a message is tried: one that fails then is dead (${DEFAULT_ATTEMPTS})`,
    },
    since: { ...SINCE, help: `where a group begins that is not there yet: ${SINCE.help}` },
  },
  notes: [
    "The text of the message is the standard input of COMMAND. DSMQ_TOPIC, DSMQ_GROUP, DSMQ_SEQ, DSMQ_TIME, DSMQ_ATTEMPT, DSMQ_CLAIM, DSMQ_KEY, DSMQ_MESSAGE_ID and DSMQ_HEADERS (as JSON) are in its environment, empty if the message has no such attribute.",
    "If it exits with 0 the message is done. Otherwise it is tried again later, with the last line of its standard error as the reason; 75 does so without a line about it. At Ctrl-C, SIGTERM or SIGHUP what runs is finished; a second Ctrl-C or SIGTERM kills it and gives its messages back. If nobody reads the output any more, as with head, it ends with 141 once what runs has ended, and gives back what failed because of that; where it cannot see that (it is not Linux, or Deno lacks --allow-ffi), it does so once COMMAND has exited with 141, for which that message is to be tried again. If COMMAND cannot be run, the message is given back, and the worker ends with 127 (not found) or 126. Deno needs --allow-run.",
  ],
  positionals: [2, Infinity],
  async run(args) {
    if (args.positionalsBeforeDashes !== 1) {
      throw new UsageError("work takes TOPIC -- COMMAND [ARGUMENT...], with -- behind one TOPIC");
    }
    const [word, command, ...commandArgs] = args.positionals as [string, string, ...string[]];
    const { from, group } = groupOf("work", word, args);
    const options = { ...workOptions(args), group };
    const { attempts } = options;
    await requireRunPermission(command);
    using stop = await interruptTwice();
    const commands = new JobCommands({ command, args: commandArgs, group, attempts });
    try {
      await using mq = await connectFromArguments(args, undefined, {
        signal: stop.signal,
        timeout: Infinity,
        reconnectTimeout: Infinity,
      });
      printHint(`dsmq: waiting for messages in ${quoted(word)}; press Ctrl-C to stop`);
      stop.signal.addEventListener("abort", () => {
        const { running } = commands;
        const which = running === 1 ? "message" : "messages";
        if (running > 0) printError(`dsmq: finishing ${running} ${which}; interrupt again to kill`);
      });
      stop.again.addEventListener("abort", () => commands.kill());
      using _ = watchOutput();
      outputLost.addEventListener("abort", () => commands.loseOutput());
      const signal = AbortSignal.any([stop.signal, commands.over]);
      const worker = mq.work(from, (job) => commands.run(job), { ...options, signal });
      // What is open when it is killed, or cannot be run, is given back as the connection closes.
      await Promise.race([worker.closed, commands.ended]);
      const { failure } = commands;
      if (!failure) return stop.again.aborted ? stop.code : EXIT_CODE.ok;
      printError(`dsmq: ${failure.message}`);
      return failure.exitCode;
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      return EXIT_CODE.ok;
    } finally {
      await commands.end();
    }
  },
};

function workOptions(args: ParsedArguments) {
  const given = (name: string, read: (name: string, text: string) => number) => {
    const text = args.value(name);
    return text === undefined ? {} : { [name]: read(`--${name}`, text) };
  };
  const number = (name: string, max: number) =>
    given(name, (option, text) => parseWholeNumber(option, text, { min: 1, max }));
  const time = (name: string, min: number, max: number) =>
    given(name, (option, text) => parseDuration(option, text, { min, max }));
  return {
    attempts: DEFAULT_ATTEMPTS,
    ...number("concurrency", MAX_CLAIMS),
    ...number("attempts", LIMITS.attempts.max),
    ...time("timeout", 1, LIMITS.jobTimeout.max),
    ...time("lease", MIN_LEASE, LIMITS.lease.max),
    ...(args.value("since") !== undefined && { since: sinceOf(args, "start") }),
  };
}

/** Before anything is taken: otherwise the first message would be. */
async function requireRunPermission(command: string): Promise<void> {
  const { state } = await Deno.permissions.request({ name: "run", command });
  if (state === "granted") return;
  throw new Error(`Cannot work: to run ${quoted(command)} Deno needs --allow-run`);
}
