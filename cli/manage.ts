/**
 * `dsmq topics` and `shutdown`.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { type Command, EXIT } from "./command.ts";
import { CONNECTION, connection } from "./connection.ts";
import { json, notice, outputLost, print, printLine, room, watchOutput } from "./terminal.ts";
import { topicName } from "./values.ts";

/** The list of topics. */
export const topics: Command = {
  takes: "[PREFIX]",
  summary: "list the topics that hold messages, and how many",
  options: {
    ...CONNECTION,
    json: { help: "print topic, messages, seq and time as a line of JSON each" },
  },
  words: [0, 1],
  async run(args) {
    const [prefix = ""] = args.words;
    if (prefix !== "") topicName(prefix);
    using _ = watchOutput();
    await using mq = await connection(args, undefined, { signal: outputLost });
    const found = await mq.topics(prefix);
    if (found.length === 0) {
      const which = prefix === "" ? "" : ` that begins with ${quoted(prefix)}`;
      notice(`dsmq: no topic${which} holds messages`);
    }
    const most = found.reduce((most, { messages }) => Math.max(most, messages), 0);
    const width = String(most).length;
    for (const entry of found) {
      if (args.flag("json")) print(json(entry));
      else printLine(`${String(entry.messages).padStart(width)}  ${entry.topic}`);
      await room();
    }
    return EXIT.ok;
  },
};

/** The end of a server. */
export const shutdown: Command = {
  takes: "",
  summary: "stop a server that was started with --allow-shutdown",
  options: CONNECTION,
  words: [0, 0],
  async run(args) {
    await using mq = await connection(args, undefined, { giveUpAfter: false });
    await mq.shutdownServer();
    return EXIT.ok;
  },
};
