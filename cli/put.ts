/**
 * `dsmq put`: puts a message, or each line of standard input.
 *
 * @module
 */

import { type Connection, DsmqError, type PutOptions } from "../client.ts";
import {
  type CliCommand,
  EXIT_CODE,
  type OptionSpec,
  type ParsedArguments,
  UsageError,
} from "./command.ts";
import { closeQuickly, connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { interrupt } from "./signals.ts";
import { BadLine, lines } from "./lines.ts";
import { flushStdout, json, OutputClosed, print, printError, waitForSpace } from "./terminal.ts";
import { parseDuration, parseTopic } from "./values.ts";
import { ATTRIBUTE_LIMITS, AttributesError, encodeAttributes } from "../protocol/attributes.ts";
import { NameSet } from "../protocol/name_map.ts";
import { quoted } from "../protocol/text.ts";

/** The options. */
const MESSAGE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  id: {
    value: "ID",
    help: "put the message only if the topic has none that was put with this id and the same token",
  },
  key: { value: "KEY", help: "what belongs together, for groups of workers" },
  header: {
    value: "HEADER",
    help: "a header, NAME=VALUE or 'NAME: VALUE'; may be given several times",
    repeatable: true,
  },
  delay: { value: "TIME", help: "after how long groups of workers get the message" },
};

/** The option that stands for each attribute. */
const OPTION_OF: readonly (readonly [attribute: RegExp, option: string])[] = [
  [/^messageId/, "--id"],
  [/^key/, "--key"],
  [/^headers/, "--header"],
  [/^delay/, "--delay"],
];

/**
 * Reads the options.
 *
 * @param args the arguments of the command
 * @returns what to put with a message; `undefined` if none of these options is given
 * @throws {UsageError} if one is invalid
 */
function messageOptions(args: ParsedArguments): PutOptions | undefined {
  const [messageId, key, delay] = [args.value("id"), args.value("key"), args.value("delay")];
  const headers = args.values("header");
  const options: PutOptions = {
    ...(messageId !== undefined && { messageId }),
    ...(key !== undefined && { key }),
    ...(headers.length > 0 && { headers: parseHeaders(headers) }),
    ...(delay !== undefined && {
      delay: parseDuration("--delay", delay, { min: 0, max: ATTRIBUTE_LIMITS.delay }),
    }),
  };
  try {
    return encodeAttributes(options) && options;
  } catch (error) {
    if (!(error instanceof AttributesError)) throw error;
    const [attribute, option] = OPTION_OF.find(([attribute]) => attribute.test(error.message)) ??
      [/^attributes/, "--id, --key, --header and --delay together"];
    throw new UsageError(error.message.replace(attribute, option));
  }
}

/** As curl takes them, `name: value`, without the spaces around the value; or `name=value`, exactly. */
function parseHeaders(texts: readonly string[]): Record<string, string> {
  const headers: [name: string, value: string][] = [];
  const names = new NameSet();
  for (const text of texts) {
    const [, name, separator, value] = /^([^=:]+)([=:])([^]*)$/.exec(text) ?? [];
    if (name === undefined) {
      throw new UsageError(`--header must be NAME=VALUE or 'NAME: VALUE', got ${quoted(text)}`);
    }
    if (names.has(name)) throw new UsageError(`--header ${quoted(name)} is given twice`);
    names.add(name);
    headers.push([name, separator === ":" ? value!.trim() : value!]);
  }
  // Not by assignment: that would set the prototype.
  return Object.fromEntries(headers);
}

/** Input may last for days, so a server may take a while to come back. In milliseconds. */
const INPUT_CONNECT_OPTIONS = { reconnectTimeout: 600_000 };

/** Means standard input, unless it comes after `--`. */
const STDIN_WORD = "-";

/** How long an interrupted command waits for the reply to its last put, in milliseconds. */
const GRACE_PERIOD = 1000;

/** How many lines have been put, and the present step. */
interface PutProgress {
  put: number;
  step: "read" | "put" | "print";
}

/** Where lines go, and what is put with each of them. */
interface PutTarget {
  readonly topic: string;
  readonly options: PutOptions | undefined;
}

/** Receives the sequence numbers of messages that were put. */
type ReportSeqs = (seqs: readonly number[]) => Promise<void>;

/** `dsmq put`. */
export const putCommand: CliCommand = {
  usage: "TOPIC [MESSAGE]",
  summary: "put a message, or each line of standard input (without MESSAGE, or with -)",
  options: {
    ...CONNECTION_OPTIONS,
    ...MESSAGE_OPTIONS,
    json: { help: "print the sequence number of each message as a line of JSON" },
  },
  positionals: [1, 2],
  advice: "put a message with spaces in quotes",
  async run(args) {
    const [, message] = args.positionals;
    const topic = parseTopic(args.positionals[0]!);
    const isStdin = message === undefined ||
      message === STDIN_WORD && args.positionalsBeforeDashes > 1;
    const options = messageOptions(args);
    if (isStdin && options?.messageId !== undefined) {
      throw new UsageError("--id names one message, which must be MESSAGE, got standard input");
    }
    const reportSeqs: ReportSeqs = async (seqs) => {
      if (!args.flag("json")) return;
      await unlessClosed(() => {
        for (const seq of seqs) print(json({ topic, seq }));
        return waitForSpace();
      });
    };
    if (isStdin) return await putInput(args, { topic, options }, reportSeqs);
    await using mq = await connectFromArguments(args, undefined);
    const seq = await mq.put(topic, message, options);
    try {
      await reportSeqs([seq]);
      await unlessClosed(flushStdout);
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; the message was put`, { cause });
    }
    return EXIT_CODE.ok;
  },
};

/** Puts the lines of standard input until it ends. When interrupted, it tells how many lines were put. */
async function putInput(
  args: ParsedArguments,
  target: PutTarget,
  reportSeqs: ReportSeqs,
): Promise<number> {
  using stop = interrupt();
  const { signal } = stop;
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  const state: PutProgress = { put: 0, step: "read" };
  let mq: Connection | undefined;
  const putting = (async () => {
    mq = await connectFromArguments(args, undefined, { ...INPUT_CONNECT_OPTIONS, signal });
    // The server's limit for topics is known now: checked before any line is read.
    await mq.putMany(target.topic, []);
    await putLines(mq, target, reportSeqs, state, signal);
  })();
  const failed = (error: unknown) => {
    if (!signal.aborted) throw error;
  };
  try {
    await Promise.race([putting.catch(failed), aborted]);
    if (!signal.aborted) return EXIT_CODE.ok;
    // A put in flight may be stored already: wait briefly for its reply.
    const gracePeriod = new Promise((resolve) =>
      setTimeout(resolve, state.step === "put" ? GRACE_PERIOD : 0)
    );
    await Promise.race([putting.catch(failed), gracePeriod]);
    const uncertain = state.step === "put" ? ", and perhaps those in flight" : "";
    printError(`dsmq: interrupted: ${linesPutText(state.put)}${uncertain}`);
    return stop.code;
  } finally {
    if (mq) await (signal.aborted ? closeQuickly(mq) : mq.close());
  }
}

/** Ignores that nobody reads the output any more: the rest of the input still has to be put. */
async function unlessClosed(printing: () => Promise<void>): Promise<void> {
  try {
    await printing();
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** Puts lines in batches as they arrive, up to the first line that cannot be put. */
async function putLines(
  mq: Connection,
  target: PutTarget,
  reportSeqs: ReportSeqs,
  state: PutProgress,
  signal: AbortSignal,
): Promise<void> {
  if (Deno.stdin.isTerminal()) {
    printError("dsmq: each line is a message; end the input with Ctrl-D");
  }
  try {
    for await (const batch of lines(Deno.stdin.readable, () => mq.maxMessageBytes)) {
      // Nothing more is put after an interrupt.
      if (signal.aborted) return;
      state.step = "put";
      for await (const seqs of putBatch(mq, target, batch)) {
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
    // The message names the line instead.
    const reason = (cause instanceof Error ? cause.message : String(cause))
      .replace(/^Cannot put messages: messages\[\d+\]/, "it").replace(/^Cannot put message: /, "");
    const { put, step } = state;
    throw new Error(failureMessage(cause instanceof BadLine ? "put" : step, put, reason), {
      cause,
    });
  }
}

/** What failed, and how many lines were put nevertheless. */
function failureMessage(step: PutProgress["step"], put: number, reason: string): string {
  if (step === "put") {
    return `Cannot put line ${put + 1}${
      put === 0 ? "" : " (the lines before it were put)"
    }: ${reason}`;
  }
  const what = step === "read" ? `Cannot read standard input: ${reason}` : reason;
  return `${what}; ${linesPutText(put)}`;
}

function linesPutText(put: number): string {
  return `${put} ${put === 1 ? "line was" : "lines were"} put`;
}

async function* putBatch(
  mq: Connection,
  { topic, options }: PutTarget,
  batch: readonly string[],
): AsyncGenerator<readonly number[]> {
  try {
    const messages = options ? batch.map((body) => ({ body, ...options })) : batch;
    return yield await mq.putMany(topic, messages);
  } catch (error) {
    if (!(error instanceof DsmqError)) throw error;
    const { outcomes } = error;
    if (outcomes) {
      const end = outcomes.findIndex((outcome) => typeof outcome !== "number");
      yield outcomes.slice(0, end) as number[];
    }
    if (outcomes || error.code !== "too_large") throw error;
  }
  // The whole batch was refused before anything was sent: put one at a time, up to the line that is too large.
  for (const line of batch) yield [await mq.put(topic, line, options)];
}
