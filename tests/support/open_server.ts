/**
 * A server of a test's own.
 *
 * @module
 */

import { serve, type ServeOptions, type Server } from "../../server.ts";

/** A log that discards everything. */
export const quiet = { info() {}, warn() {}, error() {} };

/** Serves on any free port, without a log. */
export function openServer(options: ServeOptions = {}): Promise<Server> {
  return serve({ port: 0, log: quiet, ...options });
}
