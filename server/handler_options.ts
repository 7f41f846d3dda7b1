/**
 * The options of a handler: those of a server, without what concerns a port.
 *
 * @module
 */

import { refuseFormerOptions } from "./auth_choice.ts";
import { OptionChecks } from "./option_checks.ts";
import {
  OPTION_NAMES,
  parseServeOptions,
  type ServeOptions,
  type ServerSettings,
} from "./options.ts";

/** The options of `serve` that a handler does not have, and who decides instead. */
const PORT_OPTIONS = {
  host: "Deno.serve listens",
  port: "Deno.serve listens",
  cert: "Deno.serve has the certificate",
  key: "Deno.serve has the certificate",
  transport: "it works with Deno.serve alone",
  handleSignals: "the program handles signals, and calls shutdown()",
} as const satisfies Partial<Record<keyof ServeOptions, string>>;

const ACTION = "create a handler";

/** The options of a handler: those of `serve`, without what concerns a port. Durations are in milliseconds. */
export type HandlerOptions = Omit<
  ServeOptions,
  "host" | "port" | "cert" | "key" | "transport" | "handleSignals"
>;

/** Complete and checked options. */
export type HandlerSettings = Omit<ServerSettings, keyof typeof PORT_OPTIONS>;

/**
 * Fills in the defaults and checks the options.
 *
 * @param options as the caller gave them
 * @returns the settings
 * @throws {TypeError} if an option is unknown, of the wrong type, or one of `serve` alone
 * @throws {RangeError} if an option is out of its range
 */
export function parseHandlerOptions(options: HandlerOptions): HandlerSettings {
  const check = new OptionChecks(undefined, ACTION);
  const names = Object.keys(OPTION_NAMES);
  check.object("options", options, names);
  refuseFormerOptions(options, check);
  for (const name in options) {
    if (!Object.hasOwn(PORT_OPTIONS, name)) continue;
    const reason = PORT_OPTIONS[name as keyof typeof PORT_OPTIONS];
    throw new TypeError(`Cannot ${ACTION}: ${name} is an option of serve alone: ${reason}`);
  }
  check.onlyNames("option", options, names.filter((name) => !Object.hasOwn(PORT_OPTIONS, name)));
  // Inherited ones count as well.
  const others = Object.fromEntries(
    Object.keys(OPTION_NAMES).filter((name) => name in options)
      .map((name) => [name, options[name as keyof HandlerOptions]]),
  );
  return parseServeOptions(others, undefined, ACTION);
}
