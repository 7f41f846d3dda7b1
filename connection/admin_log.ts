/**
 * What administrators do, for the log.
 *
 * @module
 */

import type { LogEvent } from "../queue/log_event.ts";
import type { ServerContext } from "./server_context.ts";

/** Who does it. */
export interface Administrator {
  /** The address of the peer. */
  readonly address: string;
  /** A part of the digest of its token; `""` without one. */
  readonly identity: string;
}

/** So much of an identity tells tokens apart, as in `dsmq connections`. */
const IDENTITY_LENGTH = 12;

/**
 * Logs what an administrator has done.
 *
 * @param context the server
 * @param administrator who has done it
 * @param event what it is called
 * @param act what it is, such as `purged "orders"`
 * @param fields more about it
 */
export function logAdministration(
  { queue }: Pick<ServerContext, "queue">,
  { address, identity }: Administrator,
  event: LogEvent["event"] & `admin_${string}`,
  act: string,
  fields: LogEvent["fields"] = {},
): void {
  const token = identity.slice(0, IDENTITY_LENGTH);
  const who = token === "" ? "without a token" : `with the token ${token}`;
  queue.log.write({
    event,
    message: `an administrator at ${address || "an unknown address"} ${who} ${act}`,
    fields: { ...fields, address, ...(token !== "" && { identity: token }) },
  });
}
