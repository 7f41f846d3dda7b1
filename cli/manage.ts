/**
 * `dsmq topics` and `dsmq shutdown`.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { type CliCommand, EXIT_CODE } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import {
  json,
  outputLost,
  print,
  printHint,
  printLine,
  waitForSpace,
  watchOutput,
} from "./terminal.ts";
import { parseTopic } from "./values.ts";

/** `dsmq topics`. */
export const topicsCommand: CliCommand = {
  usage: "[PREFIX]",
  summary: "list the topics that hold messages, with the number of messages",
  options: {
    ...CONNECTION_OPTIONS,
    json: { help: "print each as a line of JSON with topic, messages, seq and time" },
  },
  positionals: [0, 1],
  async run(args) {
    const [prefix = ""] = args.positionals;
    if (prefix !== "") parseTopic(prefix);
    using _ = watchOutput();
    await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
    const topics = await mq.topics(prefix);
    if (topics.length === 0) {
      const which = prefix === "" ? "" : ` that begins with ${quoted(prefix)}`;
      printHint(`dsmq: no topic${which} holds messages`);
    }
    const maxMessages = topics.reduce((max, { messages }) => Math.max(max, messages), 0);
    const width = String(maxMessages).length;
    for (const entry of topics) {
      if (args.flag("json")) print(json(entry));
      else printLine(`${String(entry.messages).padStart(width)}  ${entry.topic}`);
      await waitForSpace();
    }
    return EXIT_CODE.ok;
  },
};

/** `dsmq shutdown`. */
export const shutdownCommand: CliCommand = {
  usage: "",
  summary: "stop a server that was started with --allow-shutdown",
  options: CONNECTION_OPTIONS,
  positionals: [0, 0],
  async run(args) {
    await using mq = await connectFromArguments(args, undefined, { reconnectTimeout: false });
    await mq.shutdownServer();
    return EXIT_CODE.ok;
  },
};
