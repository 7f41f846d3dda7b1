/**
 * Programs as a person starts them: separate processes, whose output is read line by line.
 *
 * @module
 */

import { lines } from "../../cli/lines.ts";

/** The root of the project. */
export const ROOT = new URL("../../", import.meta.url);

/** The output and exit code of a program. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables that a program has otherwise than this process: with these values, or (`undefined`) not at all. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A running program. It is killed when it is disposed of. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;
  readonly #errorLog: LineLog;

  /** Starts `deno run` (or another command, or program) with these arguments, in the root of the project. */
  constructor(
    args: readonly string[],
    env: Environment = {},
    command: readonly string[] = ["run", "--quiet"],
    program: string = Deno.execPath(),
  ) {
    this.#child = new Deno.Command(program, {
      args: [...command, ...args],
      cwd: ROOT,
      clearEnv: true,
      env: changedEnvironment({ NO_COLOR: "1", ...env }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = one(lines(this.#child.stdout));
    this.#errorLog = new LineLog(lines(this.#child.stderr));
  }

  /** Its process, to signal it. */
  get child(): Deno.ChildProcess {
    return this.#child;
  }

  /** The next line that it prints; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** The next line on its standard error; `undefined` at the end. */
  errorLine(): Promise<string | undefined> {
    return this.#errorLog.next();
  }

  /** Writes its standard input, to the end. */
  async input(bytes: string | Uint8Array): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
    await writer.close();
  }

  /** Waits for its end; `stdout` is what was not read before, `stderr` is everything. */
  async end(): Promise<Outcome> {
    if (!this.#child.stdin.locked) await this.#child.stdin.close();
    const rest: string[] = [];
    for await (const line of this.#lines) rest.push(line);
    const { code } = await this.#child.status;
    return { code, stdout: rest.join("\n"), stderr: (await this.#errorLog.text()).trimEnd() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.end().catch(() => {});
  }
}

/** All lines of a stream. They are read as they come, so that the program never waits until somebody takes them. */
class LineLog {
  readonly #lines: string[] = [];
  readonly #reading: Promise<void>;
  #taken = 0;
  #arrived = Promise.withResolvers<void>();
  #ended = false;

  constructor(batches: AsyncGenerator<string[]>) {
    this.#reading = this.#read(batches).finally(() => {
      this.#ended = true;
      this.#arrived.resolve();
    });
    // Whoever asks for the text gets the error.
    this.#reading.catch(() => {});
  }

  /** The next line that was not taken; `undefined` at the end. */
  async next(): Promise<string | undefined> {
    while (this.#taken === this.#lines.length && !this.#ended) await this.#arrived.promise;
    return this.#lines[this.#taken++];
  }

  /** All lines, taken or not, once the stream has ended. */
  async text(): Promise<string> {
    await this.#reading;
    return this.#lines.join("\n");
  }

  async #read(batches: AsyncGenerator<string[]>): Promise<void> {
    for await (const batch of batches) {
      this.#lines.push(...batch);
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    }
  }
}

/** The environment of this process, with changes. */
function changedEnvironment(changes: Environment): Record<string, string> {
  const env = Deno.env.toObject();
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  return env;
}

async function* one(batches: AsyncGenerator<string[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield* batch;
}
