/**
 * `dsmq put`: a message from the command line, or lines from standard input.
 *
 * @module
 */

import { type Connection, DsmqError } from "../client.ts";
import { type Command, EXIT_CODE, type ParsedArguments } from "./command.ts";
import { closeQuickly, connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { interrupt } from "./signals.ts";
import { BadLine, lines } from "./lines.ts";
import { flushStdout, json, OutputClosed, print, printError, waitForSpace } from "./terminal.ts";
import { parseTopic } from "./values.ts";

/** Whoever sends lines may do so for days: a server that has gone may take a while to come back, in milliseconds. */
const INPUT_CONNECT_OPTIONS = { reconnectTimeout: 600_000 };

/** Stands for standard input, unless it stands behind `--`. */
const STDIN_WORD = "-";

/** How long an interrupted command waits for the answer to what it has put, in milliseconds. */
const GRACE_PERIOD = 1000;

/** How far it has come: how many lines are put, and what it does. */
interface PutProgress {
  put: number;
  step: "read" | "put" | "print";
}

/** Is told the sequence numbers of what was put. */
type ReportSeqs = (seqs: readonly number[]) => Promise<void>;

/** The command. */
export const putCommand: Command = {
  usage: "TOPIC [MESSAGE]",
  summary: "put a message, or each line of standard input (MESSAGE left out or -; -- - is a dash)",
  options: {
    ...CONNECTION_OPTIONS,
    json: { help: "print the sequence number of each as a line of JSON" },
  },
  positionals: [1, 2],
  advice: "a message with spaces goes in quotes",
  async run(args) {
    const [, message] = args.positionals;
    const topic = parseTopic(args.positionals[0]!);
    const isStdin = message === undefined ||
      message === STDIN_WORD && args.positionalsBeforeDashes > 1;
    const reportSeqs: ReportSeqs = async (seqs) => {
      if (!args.flag("json")) return;
      await unlessClosed(() => {
        for (const seq of seqs) print(json({ topic, seq }));
        return waitForSpace();
      });
    };
    if (isStdin) return await putInput(args, topic, reportSeqs);
    await using mq = await connectFromArguments(args, undefined);
    const seq = await mq.put(topic, message);
    try {
      await reportSeqs([seq]);
      await unlessClosed(flushStdout);
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; the message is put`, { cause });
    }
    return EXIT_CODE.ok;
  },
};

/** Puts lines of standard input until it ends, or until it is interrupted: then it says how many are put. */
async function putInput(
  args: ParsedArguments,
  topic: string,
  reportSeqs: ReportSeqs,
): Promise<number> {
  using stop = interrupt();
  const { signal } = stop;
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  const state: PutProgress = { put: 0, step: "read" };
  let mq: Connection | undefined;
  const putting = (async () => {
    mq = await connectFromArguments(args, undefined, { ...INPUT_CONNECT_OPTIONS, signal });
    // Now it is known how long a topic may be: no line is read for one that cannot be.
    await mq.putMany(topic, []);
    await putLines(mq, topic, reportSeqs, state, signal);
  })();
  const failed = (error: unknown) => {
    if (!signal.aborted) throw error;
  };
  try {
    await Promise.race([putting.catch(failed), aborted]);
    if (!signal.aborted) return EXIT_CODE.ok;
    // What is under way may be stored already: that is worth a moment.
    const gracePeriod = new Promise((resolve) =>
      setTimeout(resolve, state.step === "put" ? GRACE_PERIOD : 0)
    );
    await Promise.race([putting.catch(failed), gracePeriod]);
    const uncertain = state.step === "put" ? ", and perhaps those that were under way" : "";
    printError(`dsmq: interrupted: ${linesPutText(state.put)}${uncertain}`);
    return stop.code;
  } finally {
    if (mq) await (signal.aborted ? closeQuickly(mq) : mq.close());
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
  reportSeqs: ReportSeqs,
  state: PutProgress,
  signal: AbortSignal,
): Promise<void> {
  if (Deno.stdin.isTerminal()) printError("dsmq: each line is a message, Ctrl-D ends");
  try {
    for await (const batch of lines(Deno.stdin.readable, () => mq.maxMessageBytes)) {
      // Of what is not under way nothing is put any more.
      if (signal.aborted) return;
      state.step = "put";
      for await (const seqs of putBatch(mq, topic, batch)) {
        state.put += seqs.length;
        state.step = "print";
        await reportSeqs(seqs);
        if (signal.aborted) return;
        state.step = "put";
      }
      state.step = "read";
    }
    state.step = "print";
    await unlessClosed(flushStdout);
  } catch (cause) {
    // Which line it was is said instead.
    const reason = (cause instanceof Error ? cause.message : String(cause))
      .replace(/^Cannot put message: /, "");
    const { put, step } = state;
    throw new Error(failureMessage(cause instanceof BadLine ? "put" : step, put, reason), {
      cause,
    });
  }
}

/** Says what failed, and how many lines are put all the same. */
function failureMessage(step: PutProgress["step"], put: number, reason: string): string {
  if (step === "put") {
    return `Cannot put line ${put + 1}${put === 0 ? "" : " (those before it are put)"}: ${reason}`;
  }
  const what = step === "read" ? `Cannot read standard input: ${reason}` : reason;
  return `${what}; ${linesPutText(put)}`;
}

function linesPutText(put: number): string {
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
