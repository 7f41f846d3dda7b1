/**
 * What the peers of one port share.
 *
 * @module
 */

import { Turns } from "../budgets/turns.ts";
import { Pacer } from "./pacer.ts";
import { SlowPeerMonitor } from "./slow_peer_monitor.ts";
import type { ConnectionHandler, PeerLimits } from "./transport.ts";
import { UnreadLimiter } from "./unread_limiter.ts";

/** What the peers of one port share. */
export interface PortContext {
  readonly handler: ConnectionHandler;
  readonly slowPeers: SlowPeerMonitor;
  readonly unread: UnreadLimiter;
  readonly turns: Turns;
  /** Thousands may be dropped at once, and closing their connections takes a third of a second. */
  readonly terminatePacer: Pacer;
}

/** What the peers of a new port share. */
export function createPortContext(handler: ConnectionHandler, limits: PeerLimits): PortContext {
  return {
    handler,
    slowPeers: new SlowPeerMonitor(limits),
    unread: new UnreadLimiter(limits.unread),
    turns: new Turns(),
    terminatePacer: new Pacer(),
  };
}
