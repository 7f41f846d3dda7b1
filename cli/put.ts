/**
 * `dsmq put`: a message from the command line, or lines from standard input.
 *
 * @module
 */

import { type Connection, DsmqError } from "../client.ts";
import { type Command, EXIT } from "./command.ts";
import { CONNECTION, connection } from "./connection.ts";
import { lines } from "./lines.ts";
import { json, print, room, say } from "./terminal.ts";
import { topicName } from "./values.ts";

/** Whoever sends lines may do so for days: a server that has gone may take a while to come back, in milliseconds. */
const LINES = { giveUpAfter: 600_000 };

/** The command. */
export const put: Command = {
  takes: "TOPIC [MESSAGE]",
  summary: "put a message, or each line of standard input, into a topic",
  options: { ...CONNECTION, json: { help: "print the sequence number of each as a line of JSON" } },
  words: [1, 2],
  advice: "a message with spaces goes in quotes",
  async run(args) {
    const [, message] = args.words;
    const topic = topicName(args.words[0]!);
    const told = async (seqs: readonly number[]) => {
      if (args.flag("json")) { for (const seq of seqs) print(json({ topic, seq })); }
      await room();
    };
    await using mq = await connection(args, undefined, message === undefined ? LINES : {});
    if (message !== undefined) await told([await mq.put(topic, message)]);
    else for await (const seqs of putLines(mq, topic)) await told(seqs);
    return EXIT.ok;
  },
};

/** Puts lines as they come, those together that came together, up to the first that cannot be put. */
async function* putLines(mq: Connection, topic: string): AsyncGenerator<readonly number[]> {
  if (Deno.stdin.isTerminal()) say("dsmq: each line is a message, Ctrl-D ends");
  let put = 0;
  try {
    for await (const batch of lines(Deno.stdin.readable)) {
      for await (const seqs of putBatch(mq, topic, batch)) {
        put += seqs.length;
        yield seqs;
      }
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot put line ${put + 1} (those before it are put): ${why}`, { cause });
  }
}

async function* putBatch(
  mq: Connection,
  topic: string,
  batch: readonly string[],
): AsyncGenerator<readonly number[]> {
  try {
    return yield await mq.putMany(topic, batch);
  } catch (error) {
    // Checked as a whole, and none was put: one by one, to find which it is.
    if (!(error instanceof DsmqError) || error.code !== "too_large" || error.outcomes) throw error;
  }
  for (const line of batch) yield [await mq.put(topic, line)];
}
