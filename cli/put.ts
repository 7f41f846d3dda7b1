/**
 * `dsmq put`: a message from the command line, or lines from standard input.
 *
 * @module
 */

import { type Connection, DsmqError } from "../client.ts";
import { type Command, EXIT } from "./command.ts";
import { CONNECTION, connection } from "./connection.ts";
import { BadLine, lines } from "./lines.ts";
import { json, OutputClosed, print, printed, room, say } from "./terminal.ts";
import { topicName } from "./values.ts";

/** Whoever sends lines may do so for days: a server that has gone may take a while to come back, in milliseconds. */
const LINES = { giveUpAfter: 600_000 };

/** Stands for standard input, unless it stands behind `--`. */
const INPUT = "-";

/** Is told the sequence numbers of what was put. */
type Tell = (seqs: readonly number[]) => Promise<void>;

/** The command. */
export const put: Command = {
  takes: "TOPIC [MESSAGE]",
  summary: "put a message, or each line of standard input (MESSAGE left out or -; -- - is a dash)",
  options: { ...CONNECTION, json: { help: "print the sequence number of each as a line of JSON" } },
  words: [1, 2],
  advice: "a message with spaces goes in quotes",
  async run(args) {
    const [, message] = args.words;
    const topic = topicName(args.words[0]!);
    const isInput = message === undefined || message === INPUT && args.beforeDashes > 1;
    const tell: Tell = async (seqs) => {
      if (!args.flag("json")) return;
      await unlessClosed(() => {
        for (const seq of seqs) print(json({ topic, seq }));
        return room();
      });
    };
    await using mq = await connection(args, undefined, isInput ? LINES : {});
    if (isInput) {
      // Now it is known how long a topic may be: no line is read for one that cannot be.
      await mq.putMany(topic, []);
      await putLines(mq, topic, tell);
    } else await tell([await mq.put(topic, message)]);
    return EXIT.ok;
  },
};

/** That nobody reads the numbers any more is no reason to stop: what is left would not be put. */
async function unlessClosed(printing: () => Promise<void>): Promise<void> {
  try {
    await printing();
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** Puts lines as they come, those together that came together, up to the first that cannot be put. */
async function putLines(mq: Connection, topic: string, tell: Tell): Promise<void> {
  if (Deno.stdin.isTerminal()) say("dsmq: each line is a message, Ctrl-D ends");
  let put = 0;
  let work: "read" | "put" | "print" = "read";
  try {
    for await (const batch of lines(Deno.stdin.readable, () => mq.maxMessageBytes)) {
      work = "put";
      for await (const seqs of putBatch(mq, topic, batch)) {
        put += seqs.length;
        work = "print";
        await tell(seqs);
        work = "put";
      }
      work = "read";
    }
    work = "print";
    await unlessClosed(printed);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(failure(cause instanceof BadLine ? "put" : work, put, why), { cause });
  }
}

/** Says what failed, and how many lines are put all the same. */
function failure(work: "read" | "put" | "print", put: number, why: string): string {
  if (work === "put") return `Cannot put line ${put + 1} (those before it are put): ${why}`;
  const what = work === "read" ? `Cannot read standard input: ${why}` : why;
  return `${what}; ${put} ${put === 1 ? "line is" : "lines are"} put`;
}

async function* putBatch(
  mq: Connection,
  topic: string,
  batch: readonly string[],
): AsyncGenerator<readonly number[]> {
  try {
    return yield await mq.putMany(topic, batch);
  } catch (error) {
    if (!(error instanceof DsmqError)) throw error;
    const { outcomes } = error;
    if (outcomes) {
      const end = outcomes.findIndex((outcome) => typeof outcome !== "number");
      yield outcomes.slice(0, end) as number[];
    }
    if (outcomes || error.code !== "too_large") throw error;
  }
  // Checked as a whole, and none was put: one by one, to find which it is.
  for (const line of batch) yield [await mq.put(topic, line)];
}
