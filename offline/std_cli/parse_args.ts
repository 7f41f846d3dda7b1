/**
 * Stands in for `@std/cli/parse-args` in a checkout: the part that the command line uses.
 *
 * Not over `node:util`: to load that takes a fifth of the time in which a server starts.
 *
 * @module
 */

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
  const parsed: { _: string[] } & Record<string, unknown> = { _: [] };
  for (const name of boolean) parsed[name] = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      parsed._.push(...args.slice(i + 1));
      break;
    }
    const [, dashes, given = "", value] = /^(--?)([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
    if (dashes === undefined) {
      if (unknown?.(arg) !== false) parsed._.push(arg);
      continue;
    }
    const name = dashes === "-" ? alias[given] ?? given : given;
    if (string.includes(name)) parsed[name] = value ?? args[++i] ?? "";
    else if (boolean.includes(name)) parsed[name] = value === undefined || value === "true";
    else if (unknown?.(arg, name, value ?? true) !== false) parsed[name] = value ?? true;
  }
  return parsed;
}
