/**
 * A server of a test's own.
 *
 * @module
 */

import { serve, type ServeOptions, type Server } from "../../server.ts";
import { onFreedPort } from "./freed_port.ts";

/** A log that discards everything. */
export const quiet = { info() {}, warn() {}, error() {} };

/** Serves without a log, on any free port, or on one that is free again. */
export function openServer(options: ServeOptions = {}): Promise<Server> {
  const open = () => serve({ port: 0, log: quiet, ...options });
  return options.port ? onFreedPort(open) : open();
}
