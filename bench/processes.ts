/**
 * Starts the servers to measure: each in its own process, on a free port, pinned to the servers' core.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { busyCommands, memoryCommand, onServerCore } from "./environment.ts";

/** A running server. */
export interface Running {
  readonly port: number;
  readonly pid: number;
}

/** A program is missing; the message says how to get it. */
export class MissingProgram extends Error {}

/** A measurement failed. */
export class MeasurementFailed extends Error {}

/** The checkout that contains this file. */
export const ROOT = new URL("../", import.meta.url);

/** The run was interrupted. */
export class Interrupted extends Error {}

/** Starts processes, and ends them all. */
export class Processes implements AsyncDisposable {
  readonly #children: Child[] = [];
  readonly #folders: string[] = [];
  #ending: Promise<void> | undefined;

  /**
   * Starts a server.
   *
   * @param program the program
   * @param args its arguments, given a free port
   * @param installHint how to get the program if it is missing
   * @returns the server; it may not listen yet
   */
  async start(
    program: string,
    args: (port: number) => readonly string[],
    installHint?: string,
  ): Promise<Running> {
    const port = freePort();
    if (installHint !== undefined) await requireProgram(program, installHint);
    const { pid } = this.#spawn(await onServerCore([program, ...args(port)]));
    return { port, pid };
  }

  /** Starts a Deno program. */
  startDeno(args: (port: number) => readonly string[]): Promise<Running> {
    return this.start(Deno.execPath(), (port) => ["run", "-A", "--quiet", ...args(port)]);
  }

  /** Starts a dsmq server of this checkout, with command-line options. */
  startDsmq(...options: readonly string[]): Promise<Running> {
    return this.startDsmqOf(ROOT, ...options);
  }

  /** Starts a dsmq server of a checkout, with command-line options. */
  startDsmqOf(root: URL, ...options: readonly string[]): Promise<Running> {
    return this.startDeno((port) => serveArgs(root, port, options));
  }

  /**
   * Runs a Deno program to its end. It chooses its core itself.
   *
   * @param args the program and its arguments
   * @param time how long it may take, in milliseconds
   * @returns its output
   * @throws {MeasurementFailed} if it fails, or takes longer
   */
  async runDeno(args: readonly string[], time: number): Promise<string> {
    const timeout = AbortSignal.timeout(time);
    // SIGTERM, not SIGKILL: it has to end its own processes.
    const child = this.#spawn(
      [Deno.execPath(), "run", "-A", "--quiet", ...args],
      "piped",
      "SIGTERM",
    );
    const kill = () => child.kill("SIGTERM");
    timeout.addEventListener("abort", kill);
    const { success, stdout, stderr } = await child.output();
    timeout.removeEventListener("abort", kill);
    if (timeout.aborted) throw new MeasurementFailed(`it took more than ${time / 1000} s`);
    if (this.#ending) throw new Interrupted();
    if (!success) throw new MeasurementFailed(new TextDecoder().decode(stderr).trim());
    return new TextDecoder().decode(stdout);
  }

  /** Keeps the cores awake, for calls that run one at a time. */
  async keepAwake(): Promise<void> {
    for (const command of await busyCommands()) this.#spawn(command);
  }

  /** Touches memory, for servers that will store a fraction of the full amount. */
  async touchMemory(scale: number): Promise<void> {
    await this.#spawn(memoryCommand(scale)).status;
  }

  /** Makes a folder that is removed at the end. */
  folder(): string {
    const folder = Deno.makeTempDirSync({ prefix: "dsmq-bench-" });
    this.#folders.push(folder);
    return folder;
  }

  /** Ends one server before the others. */
  async stop({ pid }: Running): Promise<void> {
    const child = this.#children.find(({ process }) => process.pid === pid);
    if (child) await end(child);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    await Promise.all(this.#children.map(end));
    for (const folder of this.#folders) await Deno.remove(folder, { recursive: true });
  }

  #spawn(
    [program, ...args]: readonly string[],
    output: "null" | "piped" = "null",
    end: Deno.Signal = "SIGKILL",
  ): Deno.ChildProcess {
    if (this.#ending) throw new Interrupted();
    const [stdin, stdout, stderr] = ["null", output, output] as const;
    const process = new Deno.Command(program!, { args, stdin, stdout, stderr }).spawn();
    this.#children.push({ process, end });
    return process;
  }
}

/** A child process, and the signal that ends it. */
interface Child {
  readonly process: Deno.ChildProcess;
  readonly end: Deno.Signal;
}

async function end({ process, end }: Child): Promise<void> {
  try {
    process.kill(end);
  } catch {
    // It has exited already.
  }
  await process.status;
}

/** Arguments with which Deno runs the server of a checkout. */
export function serveArgs(root: URL, port: number, options: readonly string[] = []): string[] {
  const cli = new URL("cli.ts", root).href;
  return [...configArgs(root), cli, "serve", "--port", `${port}`, ...options];
}

/** Arguments that make Deno use the configuration of a checkout, in any working directory. */
export function configArgs(root: URL): readonly string[] {
  return ["--config", fileURLToPath(new URL("deno.json", root))];
}

async function requireProgram(program: string, installHint: string): Promise<void> {
  try {
    await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output();
  } catch {
    throw new MissingProgram(`${program} is not installed: use ${installHint}`);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Retries for at most five seconds.
 *
 * @param attempt throws as long as a server does not listen yet
 * @param delay the delay before the next attempt, in milliseconds
 * @returns what the attempt returned
 */
export async function retryUntilReady<T>(attempt: () => Promise<T>, delay = 10): Promise<T> {
  for (const end = performance.now() + 5000;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Waits until a server listens. It retries often, or the delay between attempts would distort the measurement. */
export function waitUntilListening(port: number): Promise<void> {
  return retryUntilReady(async () => (await Deno.connect({ port })).close(), 1);
}
