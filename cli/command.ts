/**
 * What a command is, and how its arguments are read.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";

/** The exit codes that scripts can rely on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, nothing: 3, interrupted: 130 } as const;

/** An option: a flag, or with the name of its value. */
export interface Option {
  /** What its value is called in the help; a flag has none. */
  readonly value?: string;
  readonly help: string;
}

/** One word of the command line. */
export interface Command {
  /** What stands after the word in the help, such as `TOPIC [MESSAGE]`. */
  readonly takes: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** The options, by name. */
  readonly options: Readonly<Record<string, Option>>;
  /** How many words it takes, at least and at most. */
  readonly words: readonly [number, number];
  /** Does it, and returns the exit code. */
  run(args: Arguments): Promise<number>;
}

/** Arguments, taken apart. */
export interface Arguments {
  readonly words: readonly string[];
  /** The value of an option, if it was given. */
  value(name: string): string | undefined;
  flag(name: string): boolean;
}

/** What was written is not how it is used. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON: Readonly<Record<string, Option>> = { help: { help: "show this help" } };

/**
 * Takes the arguments of a command apart.
 *
 * @param name the word of the command, for the errors
 * @param command what it takes
 * @param args what follows the word
 * @returns the arguments
 * @throws {UsageError} if there is an unknown option, or a word too few or too many
 */
export function readArguments(name: string, command: Command, args: readonly string[]): Arguments {
  const options = { ...command.options, ...COMMON };
  const names = Object.keys(options);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs(
    explicit(args, options),
    {
      // A word that looks like a number stays as it was written.
      string: ["_", ...names.filter((name) => options[name]!.value !== undefined)],
      boolean: names.filter((name) => options[name]!.value === undefined),
      alias: { h: "help" },
      unknown(arg, key) {
        if (key !== undefined) throw new UsageError(`${name} has no option ${arg.split("=")[0]}`);
      },
    },
  );
  const words = parsed._.map(String);
  const [least, most] = command.words;
  if (!parsed.help && words.length < least) throw new UsageError(`${name} needs ${command.takes}`);
  if (words.length > most) {
    throw new UsageError(
      `${name} takes ${command.takes || "no words"}, what is ${JSON.stringify(words[most])}?`,
    );
  }
  return {
    words,
    value: (option) => parsed[option] as string | undefined,
    flag: (option) => parsed[option] === true,
  };
}

/** The same arguments with nothing left to guess: which word is an option's value, and that a flag has none. */
function explicit(args: readonly string[], options: Readonly<Record<string, Option>>): string[] {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...out, ...args.slice(i)];
    const [, name = "", given] = /^--([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) out.push(arg);
    else if (option.value === undefined) out.push(given === undefined ? `--${name}=true` : arg);
    else {
      const value = given ?? args[++i];
      if (value === undefined || value === "" || (given === undefined && value.startsWith("--"))) {
        throw new UsageError(`--${name} needs a value`);
      }
      out.push(`--${name}=${value}`);
    }
  }
  return out;
}
