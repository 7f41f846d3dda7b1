/**
 * The servers to measure: each a process of its own on a free port of this machine, on a core of its own.
 *
 * @module
 */

import { busyCommands, memoryCommand, onServersCore } from "./host.ts";

/** A server that runs. */
export interface Running {
  readonly port: number;
  readonly pid: number;
}

/** A program that is not there, and what brings it. */
export class Missing extends Error {}

/** All was ended while there was work to do. */
export class Interrupted extends Error {}

/** Starts servers, and ends them all. */
export class Processes implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[] = [];
  readonly #folders: string[] = [];
  #ending: Promise<void> | undefined;

  /**
   * Starts a server.
   *
   * @param program the program
   * @param args its arguments, given a free port
   * @param brings what to install where the program is missing
   * @returns the server; whether it listens already is not known
   */
  async start(
    program: string,
    args: (port: number) => readonly string[],
    brings?: string,
  ): Promise<Running> {
    const port = freePort();
    if (brings !== undefined) await present(program, brings);
    const { pid } = this.#spawn(await onServersCore([program, ...args(port)]));
    return { port, pid };
  }

  /** Starts a Deno program. */
  startDeno(args: (port: number) => readonly string[]): Promise<Running> {
    return this.start(Deno.execPath(), (port) => ["run", "-A", "--quiet", ...args(port)]);
  }

  /** Starts a dsmq server, with options of its command line. */
  startDsmq(...options: readonly string[]): Promise<Running> {
    const cli = new URL("../cli.ts", import.meta.url).pathname;
    return this.startDeno((port) => [cli, "serve", "--port", `${port}`, ...options]);
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
    const child = this.#children.find((one) => one.pid === pid);
    if (child) await end(child);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    await Promise.all(this.#children.map(end));
    for (const folder of this.#folders) await Deno.remove(folder, { recursive: true });
  }

  #spawn([program, ...args]: readonly string[]): Deno.ChildProcess {
    if (this.#ending) throw new Interrupted();
    const [stdin, stdout, stderr] = ["null", "null", "null"] as const;
    const child = new Deno.Command(program!, { args, stdin, stdout, stderr }).spawn();
    this.#children.push(child);
    return child;
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
  await child.status;
}

async function present(program: string, brings: string): Promise<void> {
  try {
    await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output();
  } catch {
    throw new Missing(`There is no ${program} here: the package ${brings} brings it`);
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
 * @param pause how long to wait before the next try, in milliseconds
 * @returns what it returned
 */
export async function once<T>(attempt: () => Promise<T>, pause = 10): Promise<T> {
  for (const end = performance.now() + 5000;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
