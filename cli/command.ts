/**
 * The shape of a command.
 *
 * @module
 */

/** The exit codes that scripts can rely on, besides 128 plus the number of a signal. */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 2, noMessage: 3 } as const;

/** An option: a flag, or an option with a value. */
export interface OptionSpec {
  /** The name of the value in the help. A flag has none. */
  readonly value?: string;
  readonly help: string;
  /** It may be given several times. */
  readonly repeatable?: boolean;
}

/** A command, such as `put`. */
export interface CliCommand {
  /** The arguments, as the help shows them: `TOPIC [MESSAGE]`. */
  readonly usage: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The options, by name. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** What its help says below the options, a paragraph each. */
  readonly notes?: readonly string[];
  /** The least and the largest number of positional arguments. */
  readonly positionals: readonly [number, number];
  /** A hint for who gives too many arguments. */
  readonly advice?: string;
  /** Runs the command and returns the exit code. */
  run(args: ParsedArguments): Promise<number>;
}

/** The parsed arguments of a command. */
export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** How many positional arguments come before `--`; `Infinity` if there is no `--`. */
  readonly positionalsBeforeDashes: number;
  /** The value of an option, if it was given. */
  value(name: string): string | undefined;
  /** All values of an option that may be given several times, in order. */
  values(name: string): readonly string[];
  flag(name: string): boolean;
}

/** The arguments are wrong: exit code 2. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  help: { help: "show this help" },
  version: { help: "show the version" },
};
