/**
 * Runs a command for each job of a worker, as a process of its own.
 *
 * @module
 */

import { type Job, retry } from "../client.ts";
import { quoted } from "../protocol/text.ts";
import { writeFully } from "../server/stderr.ts";
import { flushStderr, isReaderGone, printError } from "./terminal.ts";

/** The exit code by which a command says that it wants to be tried again, without being wrong: `EX_TEMPFAIL` of sysexits.h. */
const TRY_AGAIN = 75;

/** The exit codes of a worker whose command cannot be run: those of a shell. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** That of a worker whose output nobody reads any more, and of a command, or one of its shell, that SIGPIPE has ended. */
const OUTPUT_CLOSED = 141;

/** How long a command that has to end may take for that, in milliseconds: then it is killed. */
const GRACE_PERIOD = 5000;

/** How long to read what a command has written last, while somebody else still holds its standard error, in milliseconds. */
const LAST_WORDS_TIMEOUT = 500;

/** Of the errors of a command this many bytes are remembered, for the last line. */
const MAX_REMEMBERED = 4096;

/** Why a worker ends by itself. */
export interface WorkerFailure {
  readonly message: string;
  /** With which code it ends. */
  readonly exitCode: number;
}

/** A command cannot be run at all, for no job. */
function cannotRun(command: string, cause: Error): WorkerFailure {
  const reason = cause.message.replace(/^Failed to spawn '[^]*': /, "");
  return {
    message: `Cannot run ${quoted(command)}: ${reason}; its job was given back`,
    exitCode: cause instanceof Deno.errors.NotFound ? NOT_FOUND : NOT_EXECUTABLE,
  };
}

/** What commands print goes nowhere. Whether that is all that they do, only they know. */
const NO_READER: WorkerFailure = {
  message:
    "nobody reads the output any more: the worker ends, and gives back the messages that failed for that",
  exitCode: OUTPUT_CLOSED,
};

/** What is to be run, and for whom. */
export interface JobCommandsOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly group: string;
  /** How often a job is tried. */
  readonly attempts: number;
}

/** The processes of a worker. */
export class JobCommands {
  readonly #options: JobCommandsOptions;
  readonly #processes = new Set<Deno.ChildProcess>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #isKilled = false;
  #failure: WorkerFailure | undefined;

  /** Runs nothing yet. */
  constructor(options: JobCommandsOptions) {
    this.#options = options;
  }

  /** How many run now. */
  get running(): number {
    return this.#processes.size;
  }

  /** Aborts when no job is begun any more. Those that run may go on. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Resolves when it is over and nothing runs. Jobs whose outcome is open by then are to be given back. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Why it is over, if that is nobody's wish. */
  get failure(): WorkerFailure | undefined {
    return this.#failure;
  }

  /** Begins no more jobs; resolves once those that run have ended. */
  async end(): Promise<void> {
    this.#finish();
    await this.#ended.promise;
  }

  /** Kills all processes. */
  kill(): void {
    this.#isKilled = true;
    for (const process of this.#processes) send(process, "SIGKILL");
    this.#finish();
  }

  /** Begins no more jobs, because nobody reads what commands print. One that fails from now on has done so for that. */
  loseOutput(): void {
    this.#finish(NO_READER);
  }

  /**
   * Works on a job.
   *
   * @param job the job
   * @returns when the command has ended with code 0; never, if its job is to be given back
   * @throws what says that the job is to be tried again, and why
   */
  async run(job: Job): Promise<void> {
    const process = this.over.aborted ? undefined : this.#start(job);
    if (!process) return await never();
    this.#processes.add(process);
    const { signal: stop } = job;
    const abort = () => {
      this.#report(job, `was stopped: ${(stop.reason as Error).message}`);
      send(process, "SIGTERM");
      const timer = setTimeout(() => send(process, "SIGKILL"), GRACE_PERIOD);
      void process.status.then(() => clearTimeout(timer));
    };
    stop.addEventListener("abort", abort);
    if (stop.aborted) abort();
    void writeInput(process, job.body);
    const lastWords = new LastLine(process.stderr);
    const { success, code, signal } = await process.status;
    const lastLine = await lastWords.text();
    stop.removeEventListener("abort", abort);
    // Others exit so, too, as a pipe of their own to `head` with `pipefail` does.
    const isGone = code === OUTPUT_CLOSED ? await isReaderGone() : false;
    // Before it counts as ended: others must know that it is over.
    if (isGone !== false) this.loseOutput();
    // Where that cannot be told it is an attempt, so that one which always does so ends not one worker after the other.
    const isGivenBack = this.#isKilled || (this.#failure === NO_READER && isGone !== undefined);
    const end = signal ?? `exit code ${code}`;
    if (!success && !isGivenBack && code !== TRY_AGAIN && !stop.aborted) {
      const isLast = job.attempt >= this.#options.attempts;
      this.#report(job, `failed with ${end}${isLast ? ", and is dead" : ""}`);
      // What the next command writes comes after it.
      await flushStderr();
    }
    this.#processes.delete(process);
    this.#endIfIdle();
    if (success) return;
    if (isGivenBack) return await never();
    if (stop.aborted) throw stop.reason;
    throw retry(undefined, signal ?? (lastLine || end));
  }

  #report({ topic, seq, attempt }: Job, what: string): void {
    const { attempts } = this.#options;
    printError(
      `dsmq: message ${seq} of ${quoted(topic)}, attempt ${attempt} of ${attempts}, ${what}`,
    );
  }

  #start(job: Job): Deno.ChildProcess | undefined {
    const { command, args, group } = this.#options;
    try {
      return new Deno.Command(command, {
        args: [...args],
        env: environment(job, group),
        stdin: "piped",
        stdout: "inherit",
        stderr: "piped",
        // Otherwise Ctrl-C would end it, though it is to finish its job; and so it can be ended with all that it has started.
        detached: true,
      }).spawn();
    } catch (error) {
      this.#finish(cannotRun(command, error as Error));
      return undefined;
    }
  }

  #finish(failure?: WorkerFailure): void {
    this.#failure ??= failure;
    this.#over.abort();
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.over.aborted && this.#processes.size === 0) this.#ended.resolve();
  }
}

/** The variables of a command. All are there always, so that none is that of another job. */
function environment(job: Job, group: string): Record<string, string> {
  const { topic, seq, time, attempt, claim, key = "", messageId = "", headers } = job;
  const all = {
    DSMQ_TOPIC: topic,
    DSMQ_GROUP: group,
    DSMQ_SEQ: String(seq),
    DSMQ_TIME: String(time),
    DSMQ_ATTEMPT: String(attempt),
    DSMQ_CLAIM: String(claim),
    DSMQ_KEY: key,
    DSMQ_MESSAGE_ID: messageId,
    DSMQ_HEADERS: headers ? JSON.stringify(headers) : "",
  };
  // No variable can have a null character.
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, value.replaceAll("\0", "")]),
  );
}

/** Writes the text of a job. A command need not read it. */
async function writeInput({ stdin }: Deno.ChildProcess, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // It has closed its standard input, or has ended.
  }
}

/** Sends a signal to a process and to all that it has started; without the permission for that to the process alone. */
function send(process: Deno.ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (Deno.build.os === "windows") process.kill(signal);
    else Deno.kill(-process.pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return;
    try {
      process.kill(signal);
    } catch {
      // It has ended.
    }
  }
}

/** Passes the errors of a command on, and remembers their last line. */
class LastLine {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;
  #tail: Uint8Array<ArrayBufferLike> = new Uint8Array();

  constructor(errors: ReadableStream<Uint8Array>) {
    this.#reader = errors.getReader();
    this.#done = this.#pass();
  }

  /** The last line that is not empty, once the command has ended. */
  async text(): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WORDS_TIMEOUT));
    await Promise.race([this.#done, late]).finally(() => clearTimeout(timer));
    const lines = new TextDecoder().decode(this.#tail).split("\n");
    return lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
  }

  async #pass(): Promise<void> {
    let isRead = true;
    for (let chunk; (chunk = (await this.#reader.read()).value);) {
      const joined = new Uint8Array([...this.#tail, ...chunk.subarray(-MAX_REMEMBERED)]);
      this.#tail = joined.subarray(-MAX_REMEMBERED);
      // A command must not wait because nobody reads the errors of its worker.
      if (isRead) {
        isRead = await writeFully((rest) => Deno.stderr.write(rest), chunk).then(
          () => true,
          () => false,
        );
      }
    }
  }
}

/** The outcome of its job stays open. */
function never(): Promise<never> {
  return new Promise(() => {});
}
