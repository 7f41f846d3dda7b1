/**
 * The options of `read` and `subscribe`.
 *
 * @module
 */

import { formatValue } from "../protocol/text.ts";
import type { ReadOptions, SubscribeOptions } from "./reading.ts";
import { requireOptions, requireSignal, requireTimeout, wrongOption } from "./require_options.ts";

/** The options of `subscribe`. */
export const SUBSCRIBE_OPTIONS = [
  "since",
  "onGap",
  "signal",
] as const satisfies (keyof SubscribeOptions)[];

const READ_OPTIONS = ["wait", "latest", "signal"] as const satisfies (keyof ReadOptions)[];

/** What an option of the first drafts is called now. */
const RENAMED: Readonly<Record<string, string>> = {
  mode: "{ latest: true } reads the newest message, { wait: 5000 } waits for one",
  timeout: "how long to wait is { wait: 5000 }",
};

/**
 * Checks how to read a message.
 *
 * @param options what the caller gave
 * @throws {TypeError | RangeError} if an option is unknown, of the wrong type or out of its range
 */
export function requireReadOptions(options: ReadOptions): void {
  for (const name in Object(options)) {
    if (!Object.hasOwn(RENAMED, name)) continue;
    throw new TypeError(`Cannot read: there is no option ${formatValue(name)}: ${RENAMED[name]}`);
  }
  requireOptions("read", options, READ_OPTIONS);
  const { wait, latest, signal } = options;
  if (wait !== undefined) requireTimeout("read", wait, "wait");
  if (latest !== undefined && typeof latest !== "boolean") {
    throw wrongOption("read", "latest", "true or false", latest);
  }
  requireSignal("read", signal);
}
