/**
 * `serve()`: a server with a port of its own.
 *
 * @module
 */

import { withCurrentStack } from "../../protocol/errors.ts";
import type { Server } from "../api.ts";
import { TLS_OPTION_NAMES } from "../auth_options.ts";
import type { ServeOptions } from "../options.ts";
import { parseServeOptions, start } from "./start.ts";

/**
 * Starts a server.
 *
 * @param options see {@linkcode ServeOptions}
 * @returns the server, once it listens
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 * @throws {unknown} the reason of the option `signal`, if that aborts before the server listens
 * @throws {DsmqError} if it cannot start, and then nothing is left running: `address_in_use`, `address_not_available`,
 *   `store_in_use`, `store_unusable`, `module_unavailable`, `permission_denied`, `full`, `unavailable`, `limit_exceeded` (of groups); its `cause` is the error of the system
 *
 * @example A server for a test
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const secondArgument: unknown = arguments[1];
  if (secondArgument !== null && typeof secondArgument === "object") {
    throw new TypeError("Cannot serve: options are given in one object, got two arguments");
  }
  const settings = parseServeOptions(options);
  try {
    return await start(settings, TLS_OPTION_NAMES);
  } catch (error) {
    // A stack trace ends after a few functions, and the caller of this has to be on it. The reason of a signal belongs to the caller.
    throw error === settings.signal?.reason ? error : withCurrentStack(error);
  }
}
