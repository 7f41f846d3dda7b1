/**
 * `dsmq get`, `latest`, `wait` and `tail`: messages on standard output.
 *
 * @module
 */

import type { Connection, GapChoice, Message } from "../client.ts";
import { DEFAULT_WAIT } from "../protocol/limits.ts";
import { type Arguments, type Command, EXIT } from "./command.ts";
import { asJson, CONNECTION, connection } from "./connection.ts";
import { interrupt } from "./signals.ts";
import { outputLost, print, room, say } from "./terminal.ts";
import { duration, position, whole } from "./values.ts";

const since = (usual: string) => ({
  value: "FROM",
  help: `start, now, seq:N (after that number), a time ago such as 10m, or a date (${usual})`,
});

const READING = {
  ...CONNECTION,
  json: { help: "print topic, seq, time and message as a line of JSON" },
};

/** The oldest message. */
export const get: Command = {
  takes: "TOPIC",
  summary: "print the oldest message of a topic",
  options: { ...READING, since: since("start") },
  words: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic)),
};

/** The newest message. */
export const latest: Command = {
  takes: "TOPIC",
  summary: "print the newest message of a topic",
  options: { ...READING, since: since("start") },
  words: [1, 1],
  run: (args) => readOne(args, "start", (mq, topic) => mq.read(topic, { mode: "newest" })),
};

/** The next message. */
export const wait: Command = {
  takes: "TOPIC",
  summary: "wait for the next message of a topic and print it",
  options: {
    ...READING,
    since: since("now"),
    timeout: { value: "TIME", help: `how long to wait (${DEFAULT_WAIT / 1000}s)` },
  },
  words: [1, 1],
  async run(args) {
    const given = args.value("timeout");
    const timeout = given === undefined ? {} : { timeout: duration("timeout", given) };
    using ctrlC = interrupt();
    const { signal } = ctrlC;
    try {
      return await readOne(
        args,
        "now",
        (mq, topic) => mq.read(topic, { mode: "wait", signal, ...timeout }),
        { signal },
      );
    } catch (error) {
      if (signal.aborted) return EXIT.interrupted;
      throw error;
    }
  },
};

async function readOne(
  args: Arguments,
  usual: string,
  read: (mq: Connection, topic: string) => Promise<Message | undefined>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  await using mq = await connection(args, position(args.value("since") ?? usual), options);
  const message = await read(mq, args.words[0]!);
  if (!message) return EXIT.nothing;
  print(args.flag("json") ? asJson(message) : message.body);
  return EXIT.ok;
}

/** All messages, as they come. */
export const tail: Command = {
  takes: "TOPIC...",
  summary: "print the messages of topics as they come, until Ctrl-C",
  options: {
    ...READING,
    since: since("now"),
    count: { value: "N", help: "stop after so many messages (0: never)" },
    "on-gap": {
      value: "WHAT",
      help: "if messages were missed: go on with the oldest, or with now (stop)",
    },
  },
  words: [1, Infinity],
  async run(args) {
    using ctrlC = interrupt();
    const done = new AbortController();
    const signal = AbortSignal.any([ctrlC.signal, done.signal, outputLost]);
    const json = args.flag("json");
    const several = args.words.length > 1;
    let left = whole("count", args.value("count") ?? "0") || Infinity;
    const onGap = gap(args.value("on-gap"));
    try {
      await using mq = await connection(args, position(args.value("since") ?? "now"), { signal });
      await Promise.all(args.words.map(async (topic) => {
        for await (const message of mq.subscribe(topic, { signal, ...(onGap && { onGap }) })) {
          if (left === 0) return;
          print(json ? asJson(message) : several ? `${topic}: ${message.body}` : message.body);
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

/** What to do about a gap: it is said, and then reading goes on. */
function gap(text: string | undefined): GapChoice | undefined {
  if (text === undefined) return undefined;
  if (text !== "oldest" && text !== "now") {
    throw new RangeError(`--on-gap is oldest or now, got ${JSON.stringify(text)}`);
  }
  return ({ message }) => {
    say(`dsmq: messages were missed: ${message}`);
    return text;
  };
}
