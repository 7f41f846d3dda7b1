/**
 * How the arguments of a command are read: nothing is guessed, and nothing is passed over.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { quoted } from "../protocol/text.ts";
import { type Arguments, type Command, COMMON, type Option, UsageError } from "./command.ts";
import { didYouMean } from "./nearest.ts";

/** Options of one letter. */
const SHORT: Readonly<Record<string, string>> = { "-h": "help", "-V": "version", "-v": "version" };

/** An option as it is written: its name, and a value behind `=`. */
export interface Written {
  /** With its dashes. */
  readonly text: string;
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * Takes an option apart.
 *
 * @param arg an argument
 * @returns the option; `undefined` if it is a word, as `-`, `-5`, `---` and `- a text` are
 */
export function written(arg: string): Written | undefined {
  if (!/^--[a-z]|^-[a-z]\S*$/i.test(arg)) return undefined;
  const [, text = "", value] = /^([^=]*)(?:=([^]*))?$/.exec(arg)!;
  const name = SHORT[text] ?? (text.startsWith("--") ? text.slice(2) : "");
  return { text, name, value };
}

/**
 * Reads the arguments of a command. What is wrong with them does not matter to one who asks for help.
 *
 * @param name the word of the command, for the errors
 * @param command what it takes
 * @param args what follows the word
 * @returns the arguments
 * @throws {UsageError} if there is an unknown option, one that is given twice or lacks its value, a flag with a value, or
 *   a word too few or too many
 */
export function readArguments(name: string, command: Command, args: readonly string[]): Arguments {
  const options = { ...command.options, ...COMMON };
  const words: string[] = [];
  let beforeDashes = Infinity;
  const given = new NameMap<string>();
  const faults: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      beforeDashes = words.length;
      words.push(...args.slice(i + 1));
      break;
    }
    const option = written(arg);
    if (!option) {
      words.push(arg);
      continue;
    }
    const known = Object.hasOwn(options, option.name) ? options[option.name]! : undefined;
    if (!known) {
      faults.push(unknownOption(name, option, options));
      continue;
    }
    if (given.has(option.name)) faults.push(`${option.text} is given twice`);
    if (known.value === undefined) {
      if (option.value === undefined) given.set(option.name, "");
      else faults.push(`${option.text} takes no value, got ${quoted(option.value)}`);
    } else {
      const next = args[i + 1];
      const value = option.value ?? (next?.startsWith("--") ? undefined : (i++, next));
      if (value) given.set(option.name, value);
      else faults.push(`${option.text} needs a value, ${known.value}`);
    }
  }
  const isAsked = given.has("help") || given.has("version");
  if (faults.length === 0) faults.push(...wordFaults(name, command, words));
  if (faults.length > 0 && !isAsked) throw new UsageError(faults[0]);
  return {
    words,
    beforeDashes,
    value: (option) => given.get(option),
    flag: (option) => given.has(option),
  };
}

/** Of what is not understood nothing is shown but the letters of a name: it may be, or end with, a token. */
function unknownOption(
  command: string,
  { text }: Written,
  options: Readonly<Record<string, Option>>,
): string {
  const shown = /^-+[a-z][a-z_-]*/i.exec(text)![0].slice(0, 40);
  const flag = shown.replace(/^--no-/, "");
  if (flag !== shown && Object.hasOwn(options, flag) && options[flag]!.value === undefined) {
    return `${command} has no option ${shown}: --${flag} is off unless it is given`;
  }
  const names = Object.keys(options).map((name) => `--${name}`);
  const like = didYouMean(`--${shown.replace(/^-+/, "").replaceAll("_", "-")}`, names);
  const word = like === "" ? "; a word that begins with a dash goes behind --" : "";
  return `${command} has no option ${shown}${like}${word}`;
}

/** The words are not shown: one of them may be a token. */
function wordFaults(name: string, command: Command, words: readonly string[]): string[] {
  const { takes, words: [least, most], advice } = command;
  if (words.length < least) return [`${name} needs ${takes}`];
  if (words.length <= most) return [];
  const count = words.length === 1 ? "1 word" : `${words.length} words`;
  return [
    `${name} takes ${takes || "no words"}, got ${count}${
      advice === undefined ? "" : `: ${advice}`
    }`,
  ];
}
