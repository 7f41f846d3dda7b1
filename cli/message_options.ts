/**
 * The options of `dsmq put` for what a message carries besides its text.
 *
 * @module
 */

import type { PutOptions } from "../client.ts";
import { ATTRIBUTE_LIMITS, AttributesError, encodeAttributes } from "../protocol/attributes.ts";
import { NameSet } from "../protocol/name_map.ts";
import { quoted } from "../protocol/text.ts";
import { type OptionSpec, type ParsedArguments, UsageError } from "./command.ts";
import { parseDuration } from "./values.ts";

/** The options. */
export const MESSAGE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  id: { value: "ID", help: "put the message only if the topic has none that was put with this id" },
  key: { value: "KEY", help: "what belongs together, for groups of workers" },
  header: {
    value: "HEADER",
    help: "a header, NAME=VALUE or 'NAME: VALUE'; may be given several times",
    repeatable: true,
  },
  delay: { value: "TIME", help: "after how long groups of workers get the message" },
};

/** The option that stands for each attribute. */
const OPTION_OF: readonly (readonly [attribute: RegExp, option: string])[] = [
  [/^messageId/, "--id"],
  [/^key/, "--key"],
  [/^headers/, "--header"],
  [/^delay/, "--delay"],
];

/**
 * Reads the options.
 *
 * @param args the arguments of the command
 * @returns what to put with a message; `undefined` if none of these options is given
 * @throws {UsageError} if one is invalid
 */
export function messageOptions(args: ParsedArguments): PutOptions | undefined {
  const [messageId, key, delay] = [args.value("id"), args.value("key"), args.value("delay")];
  const headers = args.values("header");
  const options: PutOptions = {
    ...(messageId !== undefined && { messageId }),
    ...(key !== undefined && { key }),
    ...(headers.length > 0 && { headers: parseHeaders(headers) }),
    ...(delay !== undefined && {
      delay: parseDuration("--delay", delay, { min: 0, max: ATTRIBUTE_LIMITS.delay }),
    }),
  };
  try {
    return encodeAttributes(options) && options;
  } catch (error) {
    if (!(error instanceof AttributesError)) throw error;
    const [attribute, option] = OPTION_OF.find(([attribute]) => attribute.test(error.message)) ??
      [/^attributes/, "--id, --key, --header and --delay together"];
    throw new UsageError(error.message.replace(attribute, option));
  }
}

/** As curl takes them, `name: value`, without the spaces around the value; or `name=value`, exactly. */
function parseHeaders(texts: readonly string[]): Record<string, string> {
  const headers: [name: string, value: string][] = [];
  const names = new NameSet();
  for (const text of texts) {
    const [, name, separator, value] = /^([^=:]+)([=:])([^]*)$/.exec(text) ?? [];
    if (name === undefined) {
      throw new UsageError(`--header must be NAME=VALUE or 'NAME: VALUE', got ${quoted(text)}`);
    }
    if (names.has(name)) throw new UsageError(`--header ${quoted(name)} is given twice`);
    names.add(name);
    headers.push([name, separator === ":" ? value!.trim() : value!]);
  }
  // Not by assignment: that would set the prototype.
  return Object.fromEntries(headers);
}
