/**
 * The command line: which word, which help, which exit code.
 *
 * @module
 */

import { type Command, COMMON, EXIT, readArguments, UsageError } from "./cli/command.ts";
import { endAsOthersDo, serverSignals } from "./cli/signals.ts";
import { OutputClosed, print, printed, said, say } from "./cli/terminal.ts";

/** Each is loaded when it is needed: a server starts without what only clients use. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./cli/serve.ts")).serve,
  put: async () => (await import("./cli/put.ts")).put,
  get: async () => (await import("./cli/read.ts")).get,
  latest: async () => (await import("./cli/read.ts")).latest,
  wait: async () => (await import("./cli/read.ts")).wait,
  tail: async () => (await import("./cli/read.ts")).tail,
  topics: async () => (await import("./cli/manage.ts")).topics,
  shutdown: async () => (await import("./cli/manage.ts")).shutdown,
  bench: async () => (await import("./cli/bench.ts")).bench,
  demo: async () => (await import("./cli/demo.ts")).demo,
};

/**
 * Runs the command line and ends the process. Exit codes: 0 all went well, 1 it failed, 2 it was not used
 * rightly, 3 there was no message, 130 interrupted.
 *
 * @param args the arguments. Default: those of the process
 */
export async function main(args: readonly string[] = Deno.args): Promise<never> {
  endAsOthersDo();
  const code = await run(args);
  await said();
  Deno.exit(code);
}

async function run(args: readonly string[]): Promise<number> {
  try {
    const code = await chosen(args);
    await printed();
    return code;
  } catch (error) {
    await printed().catch(() => {});
    return report(error);
  }
}

async function chosen(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === "--help" || first === "-h" || first === "help") return await help(args[1]);
  if (first === "--version" || first === "-V") return await version();
  const [name, rest] = choose(args);
  // Before all else is loaded.
  if (name === "serve") serverSignals();
  const command = await COMMANDS[name]!();
  const read = readArguments(name, command, rest);
  return await (read.flag("help") ? help(name) : command.run(read));
}

/** The word, and what follows it. Without a word a server is started; it may be given host and port alone. */
function choose(args: readonly string[]): [name: string, rest: readonly string[]] {
  const [first, second] = args;
  if (first === undefined || first.startsWith("-") || isHost(first, second)) return ["serve", args];
  if (Object.hasOwn(COMMANDS, first)) return [first, args.slice(1)];
  throw new UsageError(`there is no command ${JSON.stringify(first)}`);
}

function isHost(word: string, next: string | undefined): boolean {
  if (Object.hasOwn(COMMANDS, word)) return false;
  return word === "localhost" || /[.:]/.test(word) || /^\d+$/.test(next ?? "");
}

function report(error: unknown): number {
  if (error instanceof OutputClosed) return EXIT.ok;
  if (error instanceof UsageError) {
    say(`dsmq: ${error.message} (dsmq --help shows what there is)`);
    return EXIT.usage;
  }
  say(`dsmq: ${error instanceof Error ? error.message : error}`);
  return EXIT.failed;
}

async function version(): Promise<number> {
  const { VERSION } = await import("./server.ts");
  print(`dsmq ${VERSION}`);
  return EXIT.ok;
}

async function help(name: string | undefined): Promise<number> {
  if (name === undefined) {
    print("dsmq, a dead simple message queue\n");
    print("Usage: dsmq [COMMAND] [OPTIONS]\n");
    const rows = await Promise.all(
      Object.entries(COMMANDS).map(async ([word, load]) => {
        const { takes, summary } = await load();
        return [`${word} ${takes}`.trim(), summary];
      }),
    );
    print(table(rows));
    print("\ndsmq COMMAND --help shows the options of a command, dsmq --version the version.");
    print(
      "Exit codes: 0 all went well, 1 it failed, 2 it was not used rightly, 3 there was no message,",
    );
    print("130 interrupted; serve and tail end at Ctrl-C with 0, for that is how they end.");
    return EXIT.ok;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  }
  const { takes, summary, options } = await COMMANDS[name]!();
  print(`Usage: dsmq ${name} [OPTIONS] ${takes}`.trim());
  print(`\n${summary[0]!.toUpperCase()}${summary.slice(1)}.\n`);
  const rows = Object.entries({ ...options, ...COMMON })
    .map((
      [option, { value, help }],
    ) => [`--${option}${value === undefined ? "" : ` ${value}`}`, help]);
  print(table(rows));
  return EXIT.ok;
}

function table(rows: readonly string[][]): string {
  const width = Math.max(...rows.map(([left]) => left!.length));
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`).join("\n");
}

if (import.meta.main) await main();
