/**
 * `dsmq get`, `latest`, `wait` and `tail`: print messages.
 *
 * @module
 */

import {
  type Connection,
  DsmqError,
  type ErrorCode,
  type GapPolicy,
  type Message,
} from "../client.ts";
import { AwakeClock } from "../client/awake_clock.ts";
import { MAX_WAIT } from "../protocol/client_limits.ts";
import { DEFAULT_WAIT } from "../protocol/limits.ts";
import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments } from "./command.ts";
import {
  closeQuickly,
  type CommandConnectOptions,
  connectFromArguments,
  CONNECTION_OPTIONS,
  messageJson,
} from "./connect.ts";
import { isPosition, sinceOf, sinceOption } from "./since.ts";
import { interrupt } from "./signals.ts";
import {
  outputLost,
  print,
  printError,
  printHint,
  printMessage,
  waitForSpace,
  watchOutput,
} from "./terminal.ts";
import { parseFilters } from "./topic_filters.ts";
import { parseDuration, parseTopic, parseWholeNumber, parseWord } from "./values.ts";

const READ_OPTIONS = {
  ...CONNECTION_OPTIONS,
  json: { help: "print topic, seq, position, time, body and attributes as a line of JSON" },
};

/** Errors that mean that no server was reachable, so no message could arrive in time. */
const UNREACHABLE_CODES: ReadonlySet<ErrorCode> = new Set([
  "unreachable",
  "closed",
  "shutting_down",
  "limit_exceeded",
  "behind",
]);

/** How long a server has to answer, however short the timeout of the wait is, in milliseconds. */
const MIN_TIMEOUT = 500;

/** The range of `--count`; 0 means no end. */
const COUNT_RANGE = { min: 0, max: Number.MAX_SAFE_INTEGER };

/** Reconnects for as long as the command runs. */
const WAIT_FOREVER = { reconnectTimeout: Infinity };

/** `dsmq get`. */
export const getCommand: CliCommand = {
  usage: "TOPIC",
  summary: "print the oldest message of a topic",
  options: { ...READ_OPTIONS, since: sinceOption("start") },
  positionals: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic)),
};

/** `dsmq latest`. */
export const latestCommand: CliCommand = {
  usage: "TOPIC",
  summary: "print the newest message of a topic",
  options: { ...READ_OPTIONS, since: sinceOption("start") },
  positionals: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic, { latest: true })),
};

/** `dsmq wait`. */
export const waitCommand: CliCommand = {
  usage: "TOPIC",
  summary: "wait for the next message of a topic and print it",
  options: {
    ...READ_OPTIONS,
    since: sinceOption("now"),
    timeout: {
      value: "TIME",
      help: `how long to wait before it ends with code 3, also where no server answers (${
        DEFAULT_WAIT / 1000
      }s)`,
    },
  },
  positionals: [1, 1],
  async run(args) {
    const given = args.value("timeout");
    const timeout = given === undefined
      ? DEFAULT_WAIT
      : parseDuration("--timeout", given, { min: 0, max: MAX_WAIT });
    using ctrlC = interrupt();
    const signal = AbortSignal.any([ctrlC.signal, outputLost]);
    const clock = new AwakeClock();
    // The clock notices that the machine slept only while a timer is set.
    const cancelTimer = clock.setTimer(Infinity, () => {});
    const remaining = () => Math.max(0, timeout - clock.elapsed);
    try {
      return await readOne(
        args,
        "now",
        async (mq, topic) => {
          printHint(
            `dsmq: waiting up to ${formatSeconds(timeout)} for a message in ${quoted(topic)}`,
          );
          for (;;) {
            try {
              return await mq.read(topic, { wait: remaining(), signal });
            } catch (error) {
              // `wait` wants the next message, so messages that the server lost do not matter, unless it was told where to go on.
              if (!isEpochChanged(error)) throw error;
              if (isPosition(args.value("since"))) reportMissed(error);
            }
          }
        },
        { signal, timeout: Math.max(timeout, MIN_TIMEOUT), ...WAIT_FOREVER },
      );
    } catch (error) {
      if (ctrlC.signal.aborted) return ctrlC.code;
      outputLost.throwIfAborted();
      const isUnreachable = error instanceof DsmqError && UNREACHABLE_CODES.has(error.code);
      if (!isUnreachable || clock.elapsed < Math.max(timeout, MIN_TIMEOUT)) throw error;
      printError(`dsmq: ${error.message}`);
      return EXIT_CODE.noMessage;
    } finally {
      cancelTimer();
    }
  },
};

async function readOne(
  args: ParsedArguments,
  defaultSince: string,
  read: (mq: Connection, topic: string) => Promise<Message | undefined>,
  connectOptions: CommandConnectOptions = { signal: outputLost },
): Promise<number> {
  using _ = watchOutput();
  const topic = parseTopic(args.positionals[0]!);
  const mq = await connectFromArguments(args, sinceOf(args, defaultSince), connectOptions);
  try {
    const message = await read(mq, topic);
    if (!message) {
      const since = (args.value("since") ?? "start") === "start" ? "" : " since then";
      const [what, when] = defaultSince === "now"
        ? ["no message arrived in", ""]
        : ["there is no message in", since];
      printHint(`dsmq: ${what} ${quoted(topic)}${when}`);
      return EXIT_CODE.noMessage;
    }
    if (args.flag("json")) print(messageJson(message));
    else printMessage(message.body);
    return EXIT_CODE.ok;
  } catch (error) {
    // Nobody at a terminal has called `read`.
    if (error instanceof Error) {
      error.message = error.message.replace(/^Cannot read: /, "Cannot get: ");
    }
    throw error;
  } finally {
    await closeQuickly(mq);
  }
}

/** `dsmq tail`. */
export const tailCommand: CliCommand = {
  usage: "TOPIC...",
  summary: "print the messages of topics, or of all that begin with news. ('news.*'), until Ctrl-C",
  options: {
    ...READ_OPTIONS,
    exact: { help: "a * at the end is part of the name" },
    since: sinceOption("now"),
    count: { value: "N", help: "stop after this many messages; 0 means never (0)" },
    "on-gap": {
      value: "WHAT",
      help:
        "when messages were missed: stop, or continue with the oldest or from now (stop; oldest if the server has lost all messages)",
    },
  },
  positionals: [1, Infinity],
  async run(args) {
    using ctrlC = interrupt();
    using _ = watchOutput();
    const done = new AbortController();
    const signal = AbortSignal.any([ctrlC.signal, done.signal, outputLost]);
    const json = args.flag("json");
    let remaining = parseWholeNumber("--count", args.value("count") ?? "0", COUNT_RANGE) ||
      Infinity;
    const onGap = onGapOption(args.value("on-gap"), isPosition(args.value("since")));
    const filters = parseFilters("tail", args.positionals, args.flag("exact"));
    const several = filters.length > 1 || typeof filters[0] !== "string";
    try {
      const mq = await connectFromArguments(args, sinceOf(args, "now"), {
        signal,
        timeout: Infinity,
        ...WAIT_FOREVER,
      });
      await using _ = { [Symbol.asyncDispose]: () => closeQuickly(mq) };
      printHint(
        `dsmq: waiting for messages in ${
          args.positionals.map(quoted).join(", ")
        }; press Ctrl-C to stop`,
      );
      await Promise.all(filters.map(async (filter) => {
        for await (const message of mq.subscribe(filter, { signal, onGap })) {
          if (remaining === 0) return;
          if (json) print(messageJson(message));
          else printMessage(message.body, several ? `${message.topic}: ` : "");
          if (--remaining === 0) done.abort();
          await waitForSpace();
        }
      }));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    outputLost.throwIfAborted();
    return EXIT_CODE.ok;
  },
};

/**
 * The gap policy: a gap is reported, then reading continues. Without `--on-gap`, reading continues from the new
 * beginning where a server has lost all its messages (it kept them in memory): reconnecting has reported that already,
 * unless the reading began at a position of that history.
 */
function onGapOption(
  text: string | undefined,
  beganAtPosition: boolean,
): (gap: DsmqError) => GapPolicy | undefined {
  const policy = text === undefined
    ? undefined
    : parseWord("--on-gap", text, ["oldest", "now", "stop"]);
  return (gap) => {
    if (policy === "stop") return undefined;
    if (policy === undefined && !isEpochChanged(gap)) return undefined;
    if (policy !== undefined || beganAtPosition) reportMissed(gap);
    return policy ?? "oldest";
  };
}

function reportMissed({ message }: DsmqError): void {
  printError(`dsmq: messages were missed: ${message}`);
}

/** The server has lost all its messages, and counts from 1 again. */
function isEpochChanged(error: unknown): error is DsmqError {
  return error instanceof DsmqError && error.code === "epoch_changed";
}

/** A duration in seconds, with its unit. */
function formatSeconds(ms: number): string {
  return `${ms / 1000} s`;
}
