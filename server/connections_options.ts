/**
 * What the connections of a server need of it.
 *
 * @module
 */

import type { AccessControl } from "../auth/access_control.ts";
import type { ServerOperation } from "../http/server_status.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import type { DroppedPeer } from "../transports/transport.ts";
import type { Metrics } from "./metrics/sources.ts";

/** What they need besides what they share. */
export interface ConnectionsOptions {
  readonly access: AccessControl;
  /** How many connections may be open, or wait to be admitted, and how long a required token may take. */
  readonly limits: Pick<
    ServerLimits,
    "connections" | "connectionsPerAddress" | "pendingConnections" | "authTimeout"
  >;
  /** What the server counts and measures, if it is asked for that. */
  metrics(): Metrics | undefined;
  /** How the server does, for administrators; never rejects. */
  operation(): Promise<ServerOperation>;
  /** The text of the page `/`. */
  readonly banner: string;
  /** A peer was dropped. */
  peerDropped(dropped: DroppedPeer): void;
  /** A line of text for the operator of the server. */
  notice(what: string): void;
  /** The path below which the pages are: empty, or such as `/mq`. */
  readonly path: string;
  /** A request for a WebSocket from this address has an allowed `Host` and `Origin`. */
  upgradeChecked(request: Pick<Request, "headers">, from: string): void;
}
