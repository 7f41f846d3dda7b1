/**
 * Arguments of `connect` in the wrong places: each is told what to write instead.
 *
 * @module
 */

import { DEFAULT_HOST, DEFAULT_PORT } from "../protocol/limits.ts";
import { formatValue, kindOf } from "../protocol/text.ts";

/** The names of parts of the address that options had once, as other libraries have. */
const ADDRESS_NAMES = ["url", "host", "port"];

/**
 * Refuses options in place of the address, an address among the options, and a second address or a port in their place.
 * The error shows names alone: values may be secrets.
 *
 * @param address the first argument
 * @param options the second
 * @param names the names of the options
 * @throws {TypeError} if they are mixed up
 */
export function rejectOldShape(address: unknown, options: unknown, names: readonly string[]): void {
  const first = namesIn(address);
  if (first.some((name) => name === "url" || names.includes(name))) {
    throw mixedUp("the address comes first and the options second", first, names);
  }
  const second = namesIn(options);
  if (second.some((name) => ADDRESS_NAMES.includes(name))) {
    throw mixedUp("the address is no option, it comes first", second, names);
  }
  const isAddress = typeof options === "string" || Array.isArray(options) ||
    second.includes("href");
  if (isAddress || typeof options === "number") {
    const instead = isAddress
      ? "several addresses are one list: write connect([first, second], { … })"
      : "a port belongs to the address: write connect({ host, port }, { … })";
    const got = typeof options === "number" ? formatValue(options) : kindOf(options);
    throw new TypeError(`Cannot connect: options must be an object, got ${got}; ${instead}`);
  }
}

/** The names in an object that are of the address or of options; an address of its own kind has none. */
function namesIn(value: unknown): string[] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  if (typeof (value as { href?: unknown }).href === "string") return ["href"];
  const names = [];
  // Inherited ones count, too; `url` of a class does not show up in the loop.
  for (const name in value) names.push(name);
  if ("url" in value && !names.includes("url")) names.push("url");
  return names;
}

/** Shows the call as it should be. */
function mixedUp(rule: string, given: readonly string[], names: readonly string[]): TypeError {
  const parts = given.filter((name) => name === "host" || name === "port");
  const options = given.filter((name) => names.includes(name));
  const address = given.includes("url")
    ? "url"
    : parts.length > 0
    ? `{ ${parts.join(", ")} }`
    : "undefined";
  const call = options.length > 0 ? `${address}, { ${options.join(", ")} }` : address;
  const note = address === "undefined"
    ? `; undefined is the server of this machine, ws://${DEFAULT_HOST}:${DEFAULT_PORT}`
    : "";
  return new TypeError(`Cannot connect: ${rule}: write connect(${call})${note}`);
}
