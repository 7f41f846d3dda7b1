/**
 * `dsmq put`: a message from the command line, or lines from standard input.
 *
 * @module
 */

import { type Connection, DsmqError } from "../client.ts";
import { type Arguments, type Command, EXIT } from "./command.ts";
import { CONNECTION, connection, leave } from "./connection.ts";
import { interrupt } from "./signals.ts";
import { BadLine, lines } from "./lines.ts";
import { json, OutputClosed, print, printed, room, say } from "./terminal.ts";
import { topicName } from "./values.ts";

/** Whoever sends lines may do so for days: a server that has gone may take a while to come back, in milliseconds. */
const LINES = { giveUpAfter: 600_000 };

/** Stands for standard input, unless it stands behind `--`. */
const INPUT = "-";

/** How long an interrupted command waits for the answer to what it has put, in milliseconds. */
const GRACE = 1000;

/** How far it has come: how many lines are put, and what it does. */
interface State {
  put: number;
  work: "read" | "put" | "print";
}

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
    if (isInput) return await putInput(args, topic, tell);
    await using mq = await connection(args, undefined);
    const seq = await mq.put(topic, message);
    try {
      await tell([seq]);
      await unlessClosed(printed);
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; the message is put`, { cause });
    }
    return EXIT.ok;
  },
};

/** Puts lines of standard input until it ends, or until it is interrupted: then it says how many are put. */
async function putInput(args: Arguments, topic: string, tell: Tell): Promise<number> {
  using stop = interrupt();
  const { signal } = stop;
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  const state: State = { put: 0, work: "read" };
  let mq: Connection | undefined;
  const putting = (async () => {
    mq = await connection(args, undefined, { ...LINES, signal });
    // Now it is known how long a topic may be: no line is read for one that cannot be.
    await mq.putMany(topic, []);
    await putLines(mq, topic, tell, state, signal);
  })();
  const failed = (error: unknown) => {
    if (!signal.aborted) throw error;
  };
  try {
    await Promise.race([putting.catch(failed), aborted]);
    if (!signal.aborted) return EXIT.ok;
    // What is under way may be stored already: that is worth a moment.
    const late = new Promise((resolve) => setTimeout(resolve, state.work === "put" ? GRACE : 0));
    await Promise.race([putting.catch(failed), late]);
    const perhaps = state.work === "put" ? ", and perhaps those that were under way" : "";
    say(`dsmq: interrupted: ${linesPut(state.put)}${perhaps}`);
    return stop.code;
  } finally {
    if (mq) await (signal.aborted ? leave(mq) : mq.close());
  }
}

/** That nobody reads the numbers any more is no reason to stop: what is left would not be put. */
async function unlessClosed(printing: () => Promise<void>): Promise<void> {
  try {
    await printing();
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** Puts lines as they come, those together that came together, up to the first that cannot be put. */
async function putLines(
  mq: Connection,
  topic: string,
  tell: Tell,
  state: State,
  signal: AbortSignal,
): Promise<void> {
  if (Deno.stdin.isTerminal()) say("dsmq: each line is a message, Ctrl-D ends");
  try {
    for await (const batch of lines(Deno.stdin.readable, () => mq.maxMessageBytes)) {
      // Of what is not under way nothing is put any more.
      if (signal.aborted) return;
      state.work = "put";
      for await (const seqs of putBatch(mq, topic, batch)) {
        state.put += seqs.length;
        state.work = "print";
        await tell(seqs);
        if (signal.aborted) return;
        state.work = "put";
      }
      state.work = "read";
    }
    state.work = "print";
    await unlessClosed(printed);
  } catch (cause) {
    // Which line it was is said instead.
    const why = (cause instanceof Error ? cause.message : String(cause))
      .replace(/^Cannot put message: /, "");
    const { put, work } = state;
    throw new Error(failure(cause instanceof BadLine ? "put" : work, put, why), { cause });
  }
}

/** Says what failed, and how many lines are put all the same. */
function failure(work: State["work"], put: number, why: string): string {
  if (work === "put") {
    return `Cannot put line ${put + 1}${put === 0 ? "" : " (those before it are put)"}: ${why}`;
  }
  const what = work === "read" ? `Cannot read standard input: ${why}` : why;
  return `${what}; ${linesPut(put)}`;
}

function linesPut(put: number): string {
  return `${put} ${put === 1 ? "line is" : "lines are"} put`;
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
