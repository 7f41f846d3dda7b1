/**
 * The servers to measure: each a process of its own on a free port of this machine, on a core of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { busyCommands, memoryCommand, onServerCore } from "./environment.ts";

/** A server that runs. */
export interface Running {
  readonly port: number;
  readonly pid: number;
}

/** A program that is not there, and what brings it. */
export class MissingProgram extends Error {}

/** A program that was to measure something, and could not. */
export class MeasurementFailed extends Error {}

/** The checkout that this file is in. */
export const ROOT = new URL("../", import.meta.url);

/** All was ended while there was work to do. */
export class Interrupted extends Error {}

/** Starts servers, and ends them all. */
export class Processes implements AsyncDisposable {
  readonly #children: Child[] = [];
  readonly #folders: string[] = [];
  #ending: Promise<void> | undefined;

  /**
   * Starts a server.
   *
   * @param program the program
   * @param args its arguments, given a free port
   * @param installHint what brings the program where it is missing
   * @returns the server; whether it listens already is not known
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

  /** Starts a dsmq server of this checkout, with options of its command line. */
  startDsmq(...options: readonly string[]): Promise<Running> {
    return this.startDsmqOf(ROOT, ...options);
  }

  /** Starts a dsmq server of a checkout, with options of its command line. */
  startDsmqOf(root: URL, ...options: readonly string[]): Promise<Running> {
    const cli = new URL("cli.ts", root).href;
    return this.startDeno((port) => [
      ...[...configArgs(root), cli],
      ...["serve", "--port", `${port}`, ...options],
    ]);
  }

  /**
   * Runs a Deno program to its end, which goes to the core that it chooses.
   *
   * @param args the program and its arguments
   * @param time how long it may take, in milliseconds
   * @returns what it printed
   * @throws {MeasurementFailed} if it fails, or takes longer
   */
  async runDeno(args: readonly string[], time: number): Promise<string> {
    const timeout = AbortSignal.timeout(time);
    // It is asked to end, not killed: it has processes of its own to end.
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

  /** Keeps the cores awake, for calls that go one at a time. */
  async keepAwake(): Promise<void> {
    for (const command of await busyCommands()) this.#spawn(command);
  }

  /** Has memory at hand, for servers that are given a part of a full work to keep. */
  async touchMemory(scale: number): Promise<void> {
    await this.#spawn(memoryCommand(scale)).status;
  }

  /** A folder that is gone afterwards. */
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

/** A process, and the signal that ends it. */
interface Child {
  readonly process: Deno.ChildProcess;
  readonly end: Deno.Signal;
}

async function end({ process, end }: Child): Promise<void> {
  try {
    process.kill(end);
  } catch {
    // It has ended by itself.
  }
  await process.status;
}

/** Arguments with which Deno finds the packages of a checkout, wherever it is started. */
export function configArgs(root: URL): readonly string[] {
  return ["--config", fileURLToPath(new URL("deno.json", root))];
}

async function requireProgram(program: string, installHint: string): Promise<void> {
  try {
    await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output();
  } catch {
    throw new MissingProgram(`There is no ${program} here: ${installHint} brings it`);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Tries until it works, for at most five seconds.
 *
 * @param attempt throws as long as a server does not listen yet
 * @param delay how long to wait before the next try, in milliseconds
 * @returns what it returned
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

/** Waits until a server listens. It looks often, or the pause between two looks would be what is measured. */
export function waitUntilListening(port: number): Promise<void> {
  return retryUntilReady(async () => (await Deno.connect({ port })).close(), 1);
}
