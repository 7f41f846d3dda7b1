/**
 * `dsmq get`, `latest`, `wait` and `tail`: messages on standard output.
 *
 * @module
 */

import { type Connection, DsmqError, type ErrorCode, type Message, type OnGap } from "../client.ts";
import { AwakeTime } from "../client/awake_time.ts";
import { DEFAULT_WAIT, MAX_WAIT } from "../protocol/limits.ts";
import { quoted } from "../protocol/text.ts";
import { type Arguments, type Command, EXIT, UsageError } from "./command.ts";
import { asJson, CONNECTION, connection, leave, type TryOptions } from "./connection.ts";
import { sinceOption, startOf } from "./position.ts";
import { interrupt } from "./signals.ts";
import { notice, outputLost, print, printData, room, say, watchOutput } from "./terminal.ts";
import { duration, oneOf, topicName, whole } from "./values.ts";

const READING = {
  ...CONNECTION,
  json: { help: "print topic, seq, time and message as a line of JSON" },
};

/** Errors of which it may be said that no message came in time: there was no server to bring it. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "closed", "stopping", "too_many"]);

/** However short the time to wait: a server that is there has so long to answer, in milliseconds. */
const LEAST = 500;

/** How many messages may be asked for; 0 stands for all. */
const COUNTS = { least: 0, most: Number.MAX_SAFE_INTEGER };

/** A server that is away is waited for as long as the command itself. */
const FOR_EVER = { giveUpAfter: Infinity };

/** The oldest message. */
export const get: Command = {
  takes: "TOPIC",
  summary: "print the oldest message of a topic",
  options: { ...READING, since: sinceOption("start") },
  words: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic)),
};

/** The newest message. */
export const latest: Command = {
  takes: "TOPIC",
  summary: "print the newest message of a topic",
  options: { ...READING, since: sinceOption("start") },
  words: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic, { mode: "newest" })),
};

/** The next message. */
export const wait: Command = {
  takes: "TOPIC",
  summary: "wait for the next message of a topic and print it",
  options: {
    ...READING,
    since: sinceOption("now"),
    timeout: { value: "TIME", help: `how long to wait (${DEFAULT_WAIT / 1000}s)` },
  },
  words: [1, 1],
  async run(args) {
    const given = args.value("timeout");
    const timeout = given === undefined
      ? DEFAULT_WAIT
      : duration("--timeout", given, { least: 0, most: MAX_WAIT });
    using ctrlC = interrupt();
    const signal = AbortSignal.any([ctrlC.signal, outputLost]);
    const time = new AwakeTime();
    // While an alarm is set, sleep is told from time.
    const calledOff = time.alarm(Infinity, () => {});
    const left = () => Math.max(0, timeout - time.passed);
    try {
      return await readOne(
        args,
        "now",
        async (mq, topic) => {
          notice(`dsmq: waiting for a message in ${quoted(topic)}, for up to ${seconds(timeout)}`);
          for (;;) {
            try {
              return await mq.read(topic, { mode: "wait", signal, timeout: left() });
            } catch (error) {
              // What it lost, nobody waits for: that is what comes next.
              if (!isLost(error)) throw error;
            }
          }
        },
        { signal, timeout: Math.max(timeout, LEAST), ...FOR_EVER },
      );
    } catch (error) {
      if (ctrlC.signal.aborted) return ctrlC.code;
      outputLost.throwIfAborted();
      const away = error instanceof DsmqError && AWAY.has(error.code);
      if (!away || time.passed < Math.max(timeout, LEAST)) throw error;
      say(`dsmq: ${error.message}`);
      return EXIT.nothing;
    } finally {
      calledOff();
    }
  },
};

async function readOne(
  args: Arguments,
  usual: string,
  read: (mq: Connection, topic: string) => Promise<Message | undefined>,
  tries: TryOptions = { signal: outputLost },
): Promise<number> {
  using _ = watchOutput();
  const topic = topicName(args.words[0]!);
  const mq = await connection(args, startOf(args, usual), tries);
  try {
    const message = await read(mq, topic);
    if (!message) {
      notice(
        `dsmq: ${usual === "now" ? "no message came into" : "there is no message in"} ${
          quoted(topic)
        }`,
      );
      return EXIT.nothing;
    }
    if (args.flag("json")) print(asJson(message));
    else printData(message.body);
    return EXIT.ok;
  } finally {
    await leave(mq);
  }
}

/** All messages, as they come. */
export const tail: Command = {
  takes: "TOPIC...",
  summary: "print the messages of topics as they come, until Ctrl-C",
  options: {
    ...READING,
    since: sinceOption("now"),
    count: { value: "N", help: "stop after so many messages (0: never)" },
    "on-gap": {
      value: "WHAT",
      help:
        "if messages were missed: stop, or go on from oldest or now (stop, but oldest where a server has lost all that it had)",
    },
  },
  words: [1, Infinity],
  async run(args) {
    using ctrlC = interrupt();
    using _ = watchOutput();
    const done = new AbortController();
    const signal = AbortSignal.any([ctrlC.signal, done.signal, outputLost]);
    const json = args.flag("json");
    const several = args.words.length > 1;
    let left = whole("--count", args.value("count") ?? "0", COUNTS) || Infinity;
    const onGap = gap(args.value("on-gap"));
    const topics = args.words.map(topicName);
    const twice = topics.find((topic, i) => topics.indexOf(topic) < i);
    if (twice !== undefined) {
      throw new UsageError(`tail takes each topic once, got ${quoted(twice)} twice`);
    }
    try {
      const mq = await connection(args, startOf(args, "now"), {
        signal,
        timeout: Infinity,
        ...FOR_EVER,
      });
      await using _ = { [Symbol.asyncDispose]: () => leave(mq) };
      notice(`dsmq: waiting for messages in ${topics.map(quoted).join(", ")}; Ctrl-C ends`);
      await Promise.all(topics.map(async (topic) => {
        for await (const message of mq.subscribe(topic, { signal, onGap })) {
          if (left === 0) return;
          if (json) print(asJson(message));
          else printData(message.body, several ? `${topic}: ` : "");
          if (--left === 0) done.abort();
          await room();
        }
      }));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    outputLost.throwIfAborted();
    return EXIT.ok;
  },
};

/**
 * What to do about a gap: it is said, and then reading goes on. A server that has lost all, as one does whose messages
 * were in memory, is read on from its new beginning, for there is nothing else to wait for: that it has is said already,
 * when it is back.
 */
function gap(text: string | undefined): (gap: DsmqError) => OnGap | undefined {
  const choice = text === undefined
    ? undefined
    : oneOf("--on-gap", text, ["oldest", "now", "stop"]);
  return (gap) => {
    if (choice === undefined) return isLost(gap) ? "oldest" : undefined;
    if (choice === "stop") return undefined;
    say(`dsmq: messages were missed: ${gap.message}`);
    return choice;
  };
}

/** The server has lost all that it had, and has begun anew. */
function isLost(error: unknown): boolean {
  return error instanceof DsmqError && error.code === "epoch_changed";
}

/** A time in words. */
function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
