/**
 * `dsmq put`: a message from the command line, or lines from standard input.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { type Command, EXIT } from "./command.ts";
import { CONNECTION, connection } from "./connection.ts";
import { lines } from "./lines.ts";
import { print, say } from "./terminal.ts";

/** The command. */
export const put: Command = {
  takes: "TOPIC [MESSAGE]",
  summary: "put a message, or each line of standard input, into a topic",
  options: { ...CONNECTION, json: { help: "print the sequence number of each as a line of JSON" } },
  words: [1, 2],
  async run(args) {
    const [topic, message] = args.words as [string, string?];
    const told = (seqs: readonly number[]) => {
      if (args.flag("json")) { for (const seq of seqs) print(JSON.stringify({ topic, seq })); }
    };
    await using mq = await connection(args, undefined);
    if (message !== undefined) told([await mq.put(topic, message)]);
    else for await (const seqs of putLines(mq, topic)) told(seqs);
    return EXIT.ok;
  },
};

/** Puts lines as they come: those that came together go together. */
async function* putLines(mq: Connection, topic: string): AsyncGenerator<readonly number[]> {
  if (Deno.stdin.isTerminal()) say("dsmq: each line is a message, Ctrl-D ends");
  const input = lines(Deno.stdin.readable);
  for (;;) {
    const { done, value } = await input.next().catch((cause) => {
      throw new Error("Cannot put lines: standard input is not text in UTF-8", { cause });
    });
    if (done) return;
    yield await mq.putMany(topic, value);
  }
}
