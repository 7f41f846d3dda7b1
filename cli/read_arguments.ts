/**
 * Parses the arguments of a command strictly: nothing is guessed, nothing is ignored.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { quoted } from "../protocol/text.ts";
import {
  type CliCommand,
  COMMON_OPTIONS,
  type OptionSpec,
  type ParsedArguments,
  UsageError,
} from "./command.ts";
import { didYouMean } from "./did_you_mean.ts";

/** Options of one letter. */
const SHORT_OPTIONS: Readonly<Record<string, string>> = {
  "-h": "help",
  "-V": "version",
  "-v": "version",
};

/** An option as written: its name, and the value after `=`. */
export interface WrittenOption {
  /** The name with its dashes. */
  readonly text: string;
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * Parses an option.
 *
 * @param arg an argument
 * @returns the option; `undefined` for a positional argument, such as `-`, `-5`, `---` and `- a text`
 */
export function parseOption(arg: string): WrittenOption | undefined {
  if (!/^--[a-z]|^-[a-z]\S*$/i.test(arg)) return undefined;
  const [, text = "", value] = /^([^=]*)(?:=([^]*))?$/.exec(arg)!;
  const name = SHORT_OPTIONS[text] ?? (text.startsWith("--") ? text.slice(2) : "");
  return { text, name, value };
}

/**
 * Parses the arguments of a command. With `--help` or `--version`, errors are ignored.
 *
 * @param name the name of the command, for errors
 * @param command the command
 * @param args the arguments after the name
 * @returns the parsed arguments
 * @throws {UsageError} if an option is unknown, given twice or lacks its value, a flag has a value, or there are too few
 *   or too many positional arguments
 */
export function readArguments(
  name: string,
  command: CliCommand,
  args: readonly string[],
): ParsedArguments {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const positionals: string[] = [];
  let positionalsBeforeDashes = Infinity;
  const given = new NameMap<string[]>();
  const problems: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      positionalsBeforeDashes = positionals.length;
      positionals.push(...args.slice(i + 1));
      break;
    }
    const option = parseOption(arg);
    if (!option) {
      positionals.push(arg);
      continue;
    }
    const spec = Object.hasOwn(options, option.name) ? options[option.name]! : undefined;
    if (!spec) {
      problems.push(unknownOption(name, command, option, options));
      continue;
    }
    const before = given.get(option.name) ?? [];
    if (before.length > 0 && !spec.repeatable) problems.push(`${option.text} is given twice`);
    if (spec.value === undefined) {
      if (option.value === undefined) given.set(option.name, [""]);
      else problems.push(`${option.text} takes no value, got ${quoted(option.value)}`);
    } else {
      const next = args[i + 1];
      const value = option.value ?? (next?.startsWith("--") ? undefined : (i++, next));
      if (value) given.set(option.name, [...before, value]);
      else problems.push(`${option.text} needs a value, ${spec.value}`);
    }
  }
  const wantsHelp = given.has("help") || given.has("version");
  if (problems.length === 0) problems.push(...positionalProblems(name, command, positionals));
  if (problems.length > 0 && !wantsHelp) throw new UsageError(problems[0]);
  return {
    positionals,
    positionalsBeforeDashes,
    value: (option) => given.get(option)?.at(-1),
    values: (option) => given.get(option) ?? [],
    flag: (option) => given.has(option),
  };
}

/** Arguments that may begin with a dash. Hosts, ports and the ids of connections do not. */
const MAY_BEGIN_WITH_DASH = /\b(TOPIC|PREFIX|FILE)\b/;

/** Shows only the letters of the name: the argument may contain a token. */
function unknownOption(
  command: string,
  { usage }: CliCommand,
  { text }: WrittenOption,
  options: Readonly<Record<string, OptionSpec>>,
): string {
  const shown = /^-+[a-z][a-z_-]*/i.exec(text)![0].slice(0, 40);
  const flag = shown.replace(/^--no-/, "");
  if (flag !== shown && Object.hasOwn(options, flag) && options[flag]!.value === undefined) {
    return `${command} has no option ${shown}: --${flag} is off by default`;
  }
  const names = Object.keys(options).map((name) => `--${name}`);
  const suggestion = didYouMean(`--${shown.replace(/^-+/, "").replaceAll("_", "-")}`, names);
  const word = suggestion === "" && MAY_BEGIN_WITH_DASH.test(usage)
    ? "; put an argument that begins with a dash after --"
    : "";
  return `${command} has no option ${shown}${suggestion}${word}`;
}

/** The arguments are not shown: one of them may be a token. */
function positionalProblems(
  name: string,
  command: CliCommand,
  positionals: readonly string[],
): string[] {
  const { usage, positionals: [min, max], advice } = command;
  if (positionals.length < min) return [`${name} needs ${usage}`];
  if (positionals.length <= max) return [];
  const count = positionals.length;
  return [
    `${name} takes ${usage || "no arguments"}, got ${count} ${
      count === 1 ? "argument" : "arguments"
    }${advice === undefined ? "" : `: ${advice}`}`,
  ];
}
