/**
 * A server of a test's own.
 *
 * @module
 */

import { serve, type ServeOptions, type Server } from "../../server.ts";

/** Takes what a server says, and says nothing. */
export const quiet = { info() {}, warn() {}, error() {} };

/** Serves on any free port, without a word. */
export function openServer(options: ServeOptions = {}): Promise<Server> {
  return serve({ port: 0, log: quiet, ...options });
}
