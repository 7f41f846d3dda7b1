/**
 * Stands in for `@std/cli/parse-args` in a checkout: the part that the command line uses, over `node:util`.
 *
 * @module
 */

import { parseArgs as nodeParseArgs } from "node:util";

/** The options that are understood here; the package knows more. */
export interface ParseOptions {
  readonly string?: readonly string[];
  readonly boolean?: readonly string[];
  readonly alias?: Readonly<Record<string, string>>;
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Takes arguments apart: `string` options take a value, `boolean` ones do not, `_` are the others, in order. */
export function parseArgs(
  args: readonly string[],
  { string = [], boolean = [], alias = {}, unknown }: ParseOptions = {},
): { _: string[] } & Record<string, unknown> {
  const letters = Object.entries(alias).map(([letter, name]) => [name, letter] as const);
  const short = (name: string) => {
    const letter = letters.find(([known]) => known === name)?.[1];
    return letter === undefined ? {} : { short: letter };
  };
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const name of string) if (name !== "_") options[name] = { type: "string", ...short(name) };
  for (const name of boolean) options[name] = { type: "boolean", ...short(name) };

  const parsed: { _: string[] } & Record<string, unknown> = { _: [] };
  for (const name of boolean) parsed[name] = false;
  const { tokens } = nodeParseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (unknown?.(token.value) !== false) parsed._.push(token.value);
    } else if (token.kind === "option") {
      const type = options[token.name]?.type;
      const value = type === "string"
        ? token.value ?? ""
        : token.value === undefined
        ? true
        : token.value === "true";
      if (type !== undefined || unknown?.(token.rawName, token.name, value) !== false) {
        parsed[token.name] = value;
      }
    }
  }
  return parsed;
}
