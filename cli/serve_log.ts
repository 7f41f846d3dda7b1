/**
 * How `dsmq serve` writes its log.
 *
 * @module
 */

import { LOG_FORMATS, LOG_LEVELS, type LogStyle } from "../server/stderr.ts";
import type { OptionSpec, ParsedArguments } from "./command.ts";
import { parseOption } from "./read_arguments.ts";
import { parseWord } from "./values.ts";

/** Its options. */
export const LOG_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  "log-format": {
    value: "FORMAT",
    help: "the lines of standard error: text, or json, each an object (text)",
  },
  "log-level": {
    value: "LEVEL",
    help:
      "info; warn, which leaves out starts, reloads and acts of administrators; error; or silent, which tells only why it cannot start (info)",
  },
};

/**
 * What the options say.
 *
 * @param args the arguments of `serve`
 * @throws {UsageError} if there is no such format or level
 */
export function logStyle(args: ParsedArguments): LogStyle {
  const { value } = args;
  return {
    format: parseWord("--log-format", value("log-format") ?? "text", LOG_FORMATS),
    level: parseWord("--log-level", value("log-level") ?? "info", LOG_LEVELS),
  };
}

/**
 * The format of what is wrong with arguments, before anything else is known of them.
 *
 * @param args all arguments, perhaps wrong ones
 * @returns `json` if that is asked for
 */
export function formatOfFailure(args: readonly string[]): LogStyle["format"] {
  const asks = args.findLastIndex((arg) => parseOption(arg)?.name === "log-format");
  const word = asks < 0 ? undefined : parseOption(args[asks]!)!.value ?? args[asks + 1];
  return word === "json" ? "json" : "text";
}
