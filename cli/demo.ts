/**
 * `dsmq demo`: a server, a putter and two getters, each in its own process.
 *
 * @module
 */

import { type CliCommand, EXIT_CODE } from "./command.ts";
import { lines } from "./lines.ts";
import { interrupt } from "./signals.ts";
import { printMessage } from "./terminal.ts";

const TOPIC = "greetings";
const GREETINGS = ["hello", "how are you?", "nice weather today", "see you tomorrow", "goodbye"];

/** The delay between two messages, and the time after which the demo gives up, in milliseconds. */
const MESSAGE_DELAY = 300;
const DEMO_TIMEOUT = 30_000;

/** How long processes have to exit after SIGTERM, in milliseconds. */
const GRACE_PERIOD = 2000;

/** The command. */
export const demoCommand: CliCommand = {
  usage: "",
  summary: "run a demo: a server, a putter and two getters, each in its own process (needs -A)",
  options: {},
  positionals: [0, 0],
  async run() {
    // Queried, so that Deno does not prompt.
    if ((await Deno.permissions.query({ name: "run" })).state !== "granted") {
      throw new Error(
        "Cannot run the demo: it starts processes, which needs more permissions: run it with -A",
      );
    }
    await using processes = new DemoProcesses();
    using stop = interrupt();
    stop.signal.addEventListener("abort", () => processes.end());
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      processes.end();
    }, DEMO_TIMEOUT);
    try {
      await runDemo(processes);
      return stop.signal.aborted ? stop.code : EXIT_CODE.ok;
    } catch (error) {
      if (stop.signal.aborted) return stop.code;
      if (isTimedOut) {
        throw new Error(`Cannot run the demo: it took more than ${DEMO_TIMEOUT / 1000} s`);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  },
};

async function runDemo(processes: DemoProcesses): Promise<void> {
  const server = processes.start("server", ["serve", "--port", "0", "--json"]);
  const { url } = JSON.parse(await server.nextLine()) as { url: string };
  printStep("server", `listens on ${url}`);

  const tailArgs = [TOPIC, "--url", url, "--since", "start", "--count", `${GREETINGS.length}`];
  const getters = ["getter 1", "getter 2"].map((name) =>
    processes.start(name, ["tail", ...tailArgs])
  );
  const putter = processes.start("putter", ["put", TOPIC, "--url", url, "--json"], "piped");
  const input = putter.child.stdin.getWriter();
  for (const greeting of GREETINGS) {
    // If this fails the putter has exited, and the next line reports that.
    await input.write(new TextEncoder().encode(`${greeting}\n`)).catch(() => {});
    const { seq } = JSON.parse(await putter.nextLine()) as { seq: number };
    printStep("putter", `put "${greeting}" as number ${seq}`);
    // Their output is read only now, so that no get is shown before its put.
    await Promise.all(getters.map(async (getter) => {
      printStep(getter.name, `got "${await getter.nextLine()}"`);
    }));
    await new Promise((resolve) => setTimeout(resolve, MESSAGE_DELAY));
  }
  await input.close();
  for (const process of [putter, ...getters]) {
    const { success } = await process.child.status;
    if (!success) throw await process.exitError();
  }
  server.end();
  await server.child.status;
  printStep("server", "stopped");
}

function printStep(name: string, text: string): void {
  printMessage(`${name.padEnd(8)}  ${text}`);
}

/** One process of the demo. */
class DemoProcess {
  readonly name: string;
  readonly child: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string[]>;
  readonly #pendingLines: string[] = [];
  readonly #stderr: Promise<string>;

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
    this.#stderr = new Response(this.child.stderr).text();
  }

  /** The next line of its output. */
  async nextLine(): Promise<string> {
    while (this.#pendingLines.length === 0) {
      const { done, value } = await this.#lines.next();
      if (done) throw await this.exitError();
      this.#pendingLines.push(...value);
    }
    return this.#pendingLines.shift()!;
  }

  /** Sends it a signal. */
  end(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.child.kill(signal);
    } catch {
      // It has exited already.
    }
  }

  /** The error for a process that exited too early. */
  async exitError(): Promise<Error> {
    const [last = ""] = (await this.#stderr).trimEnd().split("\n").slice(-1);
    return new Error(`Cannot run the demo: the ${this.name} exited: ${last}`);
  }
}

/** All processes of the demo. None of them outlives it. */
class DemoProcesses implements AsyncDisposable {
  readonly #all: DemoProcess[] = [];

  /** Starts one. */
  start(name: string, args: readonly string[], stdin: "piped" | "null" = "null"): DemoProcess {
    const process = new DemoProcess(name, args, stdin);
    this.#all.push(process);
    return process;
  }

  /** Tells all of them to exit. */
  end(): void {
    for (const process of this.#all) process.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    const timer = setTimeout(
      () => this.#all.forEach((process) => process.end("SIGKILL")),
      GRACE_PERIOD,
    );
    await Promise.all(this.#all.map(({ child }) => child.status));
    clearTimeout(timer);
  }
}
