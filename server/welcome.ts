/**
 * What a server says of itself in the reply to `hello`.
 *
 * @module
 */

import type { ServerContext } from "../connection/server_context.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import type { Queue } from "../queue/queue.ts";
import type { LimitsInForce } from "./limits_in_force.ts";

/**
 * What does not depend on the connection. Where servers share a log, some of it may change.
 *
 * @param server name and version of the software
 * @param store the store
 * @param retention how long a message is kept, unless the store says otherwise, in milliseconds
 * @param inForce the limits
 */
export function welcomeOf(
  server: string,
  store: Queue["store"],
  retention: number,
  inForce: LimitsInForce,
): ServerContext["welcome"] {
  return {
    protocol: PROTOCOL_VERSION,
    server,
    store: store.id,
    get epoch() {
      return store.epoch;
    },
    durability: store.durability,
    get retention() {
      return store.retention ?? retention;
    },
    get limits() {
      return inForce.ofClients;
    },
  };
}
