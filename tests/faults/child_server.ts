/**
 * A server in its own process, seen from outside: its memory, its reports, and how it ends.
 *
 * As a program, this file is that process: its argument is the options as JSON. Its first line says where it
 * listens. For each line that it reads, it prints a {@linkcode Report}, after a garbage collection on demand, or applies
 * other tokens if the line has some, or lets time pass; and its last line is what it has done in all.
 *
 * @module
 */

import process from "node:process";
import { lines } from "../../cli/lines.ts";
import { serve, type ServeOptions, type Stats, type TokenGrant } from "../../server.ts";
import { endWithParent } from "../support/end_with_parent.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { ROOT } from "../support/program.ts";

/** A server's report. Sizes are in bytes. */
export interface Report extends Stats {
  /** The used part of the JavaScript heap, and the external memory of its objects. */
  readonly heap: number;
  /** The part of the heap that V8 holds and does not use: room for garbage, which it seldom returns. */
  readonly room: number;
  /** All memory of the process. */
  readonly resident: number;
  /** The processor time of the process without its garbage collections on demand, in milliseconds. */
  readonly cpu: number;
}

/** How a server ended. */
export interface Ending {
  /** The exit code of its process; 128 and more after a signal. */
  readonly code: number;
  /** What it had done, if it could still report that. */
  readonly stats: Stats | undefined;
  /** Its standard error. */
  readonly stderr: string;
}

/** Options that can be told to another process. */
export interface ChildOptions extends Omit<ServeOptions, "signal" | "log" | "clock"> {
  /** Time passes only by {@linkcode ChildServer.advance}. */
  readonly standsStill?: boolean;
}

/** How a server's process is started. */
export interface ProcessOptions {
  /** The limit of its open files; then its log includes warnings. */
  readonly descriptors?: number;
  /** The largest JavaScript heap, in MiB. */
  readonly heap?: number | undefined;
  /** Kills it when it aborts; then its start, and all that was asked of it, rejects. */
  readonly signal?: AbortSignal;
}

/** A server that runs as a child of this process. It is killed when it is disposed of. */
export class ChildServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdout: AsyncGenerator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stderr: Promise<string>;
  #ended = false;

  private constructor(
    child: Deno.ChildProcess,
    stdout: AsyncGenerator<string>,
    stderr: Promise<string>,
    port: number,
  ) {
    this.port = port;
    this.#child = child;
    this.#stdout = stdout;
    this.#writer = child.stdin.getWriter();
    this.#stderr = stderr;
    void child.status.then(() => this.#ended = true);
  }

  /**
   * Starts a server; it listens when this resolves.
   *
   * @param options the options of the server
   */
  static async start(
    options: ChildOptions = {},
    { descriptors, heap, signal }: ProcessOptions = {},
  ): Promise<ChildServer> {
    signal?.throwIfAborted();
    const flags = heap === undefined ? "" : `,--max-old-space-size=${heap}`;
    const args = ["run", "-A", "--quiet", `--v8-flags=--expose-gc${flags}`, PROGRAM];
    const program = [Deno.execPath(), ...args, JSON.stringify(options)];
    const limited = [
      "sh",
      "-c",
      `ulimit -n ${descriptors} && exec "$@"`,
      "sh",
      ...program,
      "warns",
    ];
    const [command, ...rest] = descriptors === undefined ? program : limited;
    const child = new Deno.Command(command!, {
      args: rest,
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const abort = () => kill(child);
    signal?.addEventListener("abort", abort);
    void child.status.then(() => signal?.removeEventListener("abort", abort));
    const stdout = each(lines(child.stdout));
    const stderr = new Response(child.stderr).text();
    const { done, value } = await stdout.next();
    if (done) {
      await child.stdin.close().catch(() => {});
      await child.status;
      signal?.throwIfAborted();
      throw new Error(`Cannot start the server: ${await stderr}`);
    }
    return new ChildServer(child, stdout, stderr, Number(value));
  }

  /** The address to connect to. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Requests a report, by default after a garbage collection. */
  async report(first: "gc" | "as it is" = "gc"): Promise<Report> {
    return JSON.parse(await this.#request(first));
  }

  /** Applies these tokens from now on, and no others, as at SIGHUP. */
  async setTokens(tokens: readonly TokenGrant[]): Promise<void> {
    await this.#request(JSON.stringify(tokens));
  }

  /** Lets time pass for a server whose clock stands still, in milliseconds. */
  async advance(ms: number): Promise<void> {
    await this.#request(`+${ms}`);
  }

  /** All memory of the process, in bytes, seen from outside. Linux alone. */
  resident(): Promise<number> {
    return this.#memory("VmRSS");
  }

  /** The most that this ever was, or since the last {@linkcode forgetPeak}. Linux alone. */
  peak(): Promise<number> {
    return this.#memory("VmHWM");
  }

  /** Makes the present memory the peak. Linux alone. */
  async forgetPeak(): Promise<void> {
    // See proc(5).
    await Deno.writeTextFile(`/proc/${this.#child.pid}/clear_refs`, "5");
  }

  /** The processor time that it has used, in milliseconds. Linux alone. */
  async cpu(): Promise<number> {
    const stat = await this.#proc("stat");
    // In hundredths of a second.
    const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
    return (Number(user) + Number(system)) * 10;
  }

  /** How many sockets it has open. Linux alone. */
  async sockets(): Promise<number> {
    const folder = `/proc/${this.#child.pid}/fd`;
    let count = 0;
    for await (const { name } of Deno.readDir(folder)) {
      // It may have been closed since it was listed.
      const target = await Deno.readLink(`${folder}/${name}`).catch(() => "");
      if (target.startsWith("socket:")) count++;
    }
    return count;
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until it has ended by itself. */
  async end(): Promise<Ending> {
    // Otherwise it would wait for the next line.
    await this.#writer.close().catch(() => {});
    const { code } = await this.#child.status;
    let last: string | undefined;
    for await (const line of this.#stdout) last = line;
    const stats = last === undefined ? undefined : JSON.parse(last);
    return { code, stats, stderr: (await this.#stderr).trim() };
  }

  async #request(line: string): Promise<string> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    const { done, value } = await this.#stdout.next();
    if (done) throw new Error(`Cannot ask the server: it has ended: ${await this.#stderr}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child);
    await this.end();
  }

  /** What the system says of the process. Linux alone: see proc(5). */
  async #proc(file: "stat" | "status"): Promise<string> {
    try {
      return await Deno.readTextFile(`/proc/${this.#child.pid}/${file}`);
    } catch (cause) {
      if (!this.#ended) throw cause;
      throw new Error(`Cannot look at the server: it has ended: ${await this.#stderr}`, { cause });
    }
  }

  async #memory(which: "VmRSS" | "VmHWM"): Promise<number> {
    const status = await this.#proc("status");
    return Number(new RegExp(`^${which}:\\s*(\\d+) kB$`, "m").exec(status)![1]) * 1024;
  }
}

const PROGRAM = new URL("tests/faults/child_server.ts", ROOT).href;

async function* each(batches: AsyncGenerator<string[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield* batch;
}

/** Kills a process, unless it has ended. */
function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

/** The processor time of this process, in milliseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function main({ standsStill, ...options }: ChildOptions, warns: boolean): Promise<void> {
  endWithParent();
  // Faults of clients are counted in the report; faults of the server are logged.
  const log = { info() {}, warn: warns ? console.error : () => {}, error: console.error };
  const clock = standsStill ? new ManualClock() : undefined;
  const server = await serve({
    ...{ port: 0, log, handleSignals: true },
    ...options,
    ...(clock && { clock }),
  });
  let collecting = 0;
  console.log(server.port);
  for await (const batch of lines(Deno.stdin.readable)) {
    for (const line of batch) {
      if (line.startsWith("[")) {
        await server.setAuth({ tokens: JSON.parse(line) });
        console.log("set");
        continue;
      }
      if (line.startsWith("+")) {
        clock?.advance(Number(line));
        console.log("advanced");
        continue;
      }
      for (let i = 0; i < 3 && line === "gc"; i++) {
        const before = cpuTime();
        (globalThis as { gc?: () => void }).gc?.();
        collecting += cpuTime() - before;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const { heapUsed, heapTotal, external, rss: resident } = Deno.memoryUsage();
      const [heap, room] = [heapUsed + external, heapTotal - heapUsed];
      const cpu = cpuTime() - collecting;
      console.log(JSON.stringify({ heap, room, resident, cpu, ...server.stats() }));
    }
  }
  await server.finished;
  console.log(JSON.stringify(server.stats()));
}

if (import.meta.main) {
  await main(JSON.parse(Deno.args[0] ?? "{}"), Deno.args[1] === "warns");
}
