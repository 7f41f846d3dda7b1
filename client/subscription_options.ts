/**
 * What a subscription is given.
 *
 * @module
 */

import type { WireSince } from "../protocol/requests.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import type { KnownPosition } from "./known_position.ts";
import type { ReadPositions } from "./read_positions.ts";
import type { GapHandler } from "./reading.ts";
import type { StreamSource } from "./stream_source.ts";
import type { TopicQueue } from "./topic_queue.ts";

/** How to subscribe, with the caller's options checked. */
export interface ClientSubscriptionOptions {
  readonly source: StreamSource;
  /** Where to begin; at the connection's cursor, or at its start, if `undefined`. */
  readonly since: WireSince | undefined;
  /** The queue of the reads at that cursor, if messages for them have arrived or may arrive. */
  readonly queue: TopicQueue | undefined;
  readonly onGap: GapHandler | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What the subscriptions of a connection share. */
export interface SharedByStreams {
  readonly requests: InFlightRequests;
  readonly positions: ReadPositions;
  readonly known: KnownPosition;
}
