/**
 * `dsmq demo`: a server, a putter and two getters, each a process of its own.
 *
 * @module
 */

import { type Command, EXIT } from "./command.ts";
import { lines } from "./lines.ts";
import { interrupt } from "./signals.ts";
import { printData, say } from "./terminal.ts";

const TOPIC = "greetings";
const GREETINGS = ["hello", "how are you?", "nice weather today", "see you tomorrow", "goodbye"];

/** The pause between two messages, and the time after which the demo gives up, in milliseconds. */
const PAUSE = 300;
const PATIENCE = 9000;

/** The command. */
export const demo: Command = {
  takes: "",
  summary: "show it working: a server, a putter and two getters, each a process of its own",
  options: {},
  words: [0, 0],
  async run() {
    // Looked up, not asked for.
    if ((await Deno.permissions.query({ name: "run" })).state !== "granted") {
      throw new Error(
        "Cannot show the demo: it starts processes, which needs more leave: run it with -A",
      );
    }
    const children: Deno.ChildProcess[] = [];
    const spawn = (args: readonly string[], stdin: "piped" | "null" = "null") => {
      const child = command(args, stdin).spawn();
      children.push(child);
      return child;
    };
    const timer = setTimeout(() => {
      say("dsmq: the demo takes too long: something is wrong");
      for (const child of children) tryKill(child);
    }, PATIENCE);
    using ctrlC = interrupt("SIGINT", "SIGTERM");
    ctrlC.signal.addEventListener("abort", () => {
      for (const child of children) tryKill(child);
    });
    try {
      return await play(spawn);
    } finally {
      clearTimeout(timer);
      for (const child of children) tryKill(child);
    }
  },
};

async function play(
  spawn: (args: readonly string[], stdin?: "piped") => Deno.ChildProcess,
): Promise<number> {
  const server = spawn(["serve", "--port", "0", "--json"]);
  const { value: [first] = [] } = await lines(server.stdout).next();
  if (first === undefined) throw new Error("Cannot show the demo: its server does not start");
  const { url } = JSON.parse(first) as { url: string };
  tell("server", `listens on ${url}`);

  const many = String(GREETINGS.length);
  const getters = ["getter 1", "getter 2"].map((name) => {
    const getter = spawn(["tail", TOPIC, "--url", url, "--since", "start", "--count", many]);
    return { getter, shown: eachLine(getter, (line) => tell(name, `got "${line}"`)) };
  });

  const putter = spawn(["put", TOPIC, "--url", url, "--json"], "piped");
  const said = [...GREETINGS];
  const shown = eachLine(putter, (line) => {
    const { seq } = JSON.parse(line) as { seq: number };
    tell("putter", `put "${said.shift()}" as number ${seq}`);
  });
  const allShown = Promise.all([shown, ...getters.map(({ shown }) => shown)]);
  // It may fail, if nobody reads it, before it is waited for.
  allShown.catch(() => {});
  const writer = putter.stdin.getWriter();
  for (const greeting of GREETINGS) {
    await writer.write(new TextEncoder().encode(`${greeting}\n`));
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  await writer.close();

  await allShown;
  const ends = await Promise.all([putter.status, ...getters.map(({ getter }) => getter.status)]);
  tryKill(server);
  const { success } = await server.status;
  tell("server", "stopped");
  return success && ends.every(({ success }) => success) ? EXIT.ok : EXIT.failed;
}

function command(args: readonly string[], stdin: "piped" | "null"): Deno.Command {
  const program = ["run", "-A", "-q", import.meta.resolve("../cli.ts")];
  return new Deno.Command(Deno.execPath(), {
    args: [...program, ...args],
    stdin,
    stdout: "piped",
    // The server's word to a person would stand between the lines of the demo.
    stderr: args[0] === "serve" ? "null" : "inherit",
  });
}

async function eachLine(child: Deno.ChildProcess, take: (line: string) => void): Promise<void> {
  for await (const batch of lines(child.stdout)) batch.forEach(take);
}

function tell(who: string, what: string): void {
  printData(`${who.padEnd(8)}  ${what}`);
}

function tryKill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended already.
  }
}
