/**
 * What a command is.
 *
 * @module
 */

/** The exit codes that scripts can rely on, beside 128 and the number of a signal. */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 2, noMessage: 3 } as const;

/** An option: a flag, or with the name of its value. */
export interface OptionSpec {
  /** What its value is called in the help; a flag has none. */
  readonly value?: string;
  readonly help: string;
}

/** One word of the command line. */
export interface Command {
  /** What stands after the word in the help, such as `TOPIC [MESSAGE]`. */
  readonly usage: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** The options, by name. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** How many words it takes, at least and at most. */
  readonly positionals: readonly [number, number];
  /** What to do instead of giving more words than it takes. */
  readonly advice?: string;
  /** Does it, and returns the exit code. */
  run(args: ParsedArguments): Promise<number>;
}

/** Arguments, taken apart. */
export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** How many words stand before `--`; `Infinity` if there is none. */
  readonly positionalsBeforeDashes: number;
  /** The value of an option, if it was given. */
  value(name: string): string | undefined;
  flag(name: string): boolean;
}

/** What was written cannot be. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  help: { help: "show this help" },
  version: { help: "show the version" },
};
