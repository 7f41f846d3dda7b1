/**
 * `dsmq demo`: a server, a putter and two getters, each a process of its own.
 *
 * @module
 */

import { type Command, EXIT } from "./command.ts";
import { lines } from "./lines.ts";
import { interrupt } from "./signals.ts";
import { printData } from "./terminal.ts";

const TOPIC = "greetings";
const GREETINGS = ["hello", "how are you?", "nice weather today", "see you tomorrow", "goodbye"];

/** The pause between two messages, and the time after which the demo gives up, in milliseconds. */
const PAUSE = 300;
const TIMEOUT = 30_000;

/** How long processes that were told to end have to do so, in milliseconds. */
const GRACE = 2000;

/** The command. */
export const demo: Command = {
  takes: "",
  summary:
    "show it working: a server, a putter and two getters, each a process of its own (needs -A)",
  options: {},
  words: [0, 0],
  async run() {
    // Looked up, not asked for.
    if ((await Deno.permissions.query({ name: "run" })).state !== "granted") {
      throw new Error(
        "Cannot show the demo: it starts processes, which needs more leave: run it with -A",
      );
    }
    await using processes = new Processes();
    using stop = interrupt();
    stop.signal.addEventListener("abort", () => processes.end());
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      processes.end();
    }, TIMEOUT);
    try {
      await play(processes);
      return stop.signal.aborted ? stop.code : EXIT.ok;
    } catch (error) {
      if (stop.signal.aborted) return stop.code;
      if (isLate) throw new Error(`Cannot show the demo: it takes more than ${TIMEOUT / 1000} s`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  },
};

async function play(processes: Processes): Promise<void> {
  const server = processes.start("server", ["serve", "--port", "0", "--json"]);
  const { url } = JSON.parse(await server.line()) as { url: string };
  tell("server", `listens on ${url}`);

  const reading = [TOPIC, "--url", url, "--since", "start", "--count", `${GREETINGS.length}`];
  const getters = ["getter 1", "getter 2"].map((name) =>
    processes.start(name, ["tail", ...reading])
  );
  const putter = processes.start("putter", ["put", TOPIC, "--url", url, "--json"], "piped");
  const input = putter.child.stdin.getWriter();
  for (const greeting of GREETINGS) {
    // Where that fails the putter has ended, and no line comes.
    await input.write(new TextEncoder().encode(`${greeting}\n`)).catch(() => {});
    const { seq } = JSON.parse(await putter.line()) as { seq: number };
    tell("putter", `put "${greeting}" as number ${seq}`);
    // What they print is looked at only now: no get is shown before its put.
    await Promise.all(getters.map(async (getter) => {
      tell(getter.name, `got "${await getter.line()}"`);
    }));
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  await input.close();
  for (const process of [putter, ...getters]) {
    const { success } = await process.child.status;
    if (!success) throw await process.failed();
  }
  server.end();
  await server.child.status;
  tell("server", "stopped");
}

function tell(who: string, what: string): void {
  printData(`${who.padEnd(8)}  ${what}`);
}

/** A process that takes part. */
class Process {
  readonly name: string;
  readonly child: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string[]>;
  readonly #printed: string[] = [];
  readonly #said: Promise<string>;

  constructor(name: string, args: readonly string[], stdin: "piped" | "null") {
    const program = import.meta.resolve("./demo_child.ts");
    this.name = name;
    this.child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", program, `${Deno.pid}`, ...args],
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = lines(this.child.stdout);
    this.#said = new Response(this.child.stderr).text();
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    while (this.#printed.length === 0) {
      const { done, value } = await this.#lines.next();
      if (done) throw await this.failed();
      this.#printed.push(...value);
    }
    return this.#printed.shift()!;
  }

  /** Tells it to end. */
  end(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  /** What to say if it ended before its time. */
  async failed(): Promise<Error> {
    const [last = ""] = (await this.#said).trimEnd().split("\n").slice(-1);
    return new Error(`Cannot show the demo: the ${this.name} has ended: ${last}`);
  }
}

/** All processes that take part. None of them is left behind. */
class Processes implements AsyncDisposable {
  readonly #all: Process[] = [];

  /** Starts one. */
  start(name: string, args: readonly string[], stdin: "piped" | "null" = "null"): Process {
    const process = new Process(name, args, stdin);
    this.#all.push(process);
    return process;
  }

  /** Tells all of them to end. */
  end(): void {
    for (const process of this.#all) process.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    const timer = setTimeout(() => this.#all.forEach((process) => process.end("SIGKILL")), GRACE);
    await Promise.all(this.#all.map(({ child }) => child.status));
    clearTimeout(timer);
  }
}
