/**
 * Decodes the reply to `hello`, and fills in what the server left out.
 *
 * @module
 */

import type { Durability, Welcome } from "./encode_replies.ts";
import { HEARTBEAT_INTERVAL } from "./heartbeat.ts";
import {
  CLIENT_LIMITS,
  type ClientLimits,
  DEFAULT_CLIENT_LIMITS,
  type Limits,
} from "./client_limits.ts";
import { DEFAULT_RETENTION, PROTOCOL_VERSION } from "./limits.ts";
import { malformed, type Reply } from "./replies.ts";
import { isCount } from "./request_fields.ts";

/** The durabilities that this version knows: its keys. */
export const KNOWN_DURABILITIES: Readonly<Record<Durability, true>> = {
  memory: true,
  process: true,
  disk: true,
  quorum: true,
};

/**
 * Decodes the reply to `hello`.
 *
 * @param it its fields, each of its type
 * @param id the id of `hello`
 * @returns the welcome; a malformed reply if the server speaks another version, or a required field is missing
 */
export function decodeWelcome(it: Partial<Welcome>, id: number): Reply {
  const { protocol, server = "", epoch = "", store = epoch, start, durability = "memory", limits } =
    it;
  const { last = start, floor = 0, time = 0, asOf, dedupComplete = false } = it;
  const { retention = DEFAULT_RETENTION, heartbeat: every = 0 } = it;
  const heartbeat = every >= HEARTBEAT_INTERVAL.min
    ? Math.min(every, HEARTBEAT_INTERVAL.max)
    : undefined;
  if (protocol !== PROTOCOL_VERSION || start === undefined || !isCount(limits?.messageBytes)) {
    return malformed(id);
  }
  const welcome: Welcome = {
    protocol,
    server,
    store,
    epoch,
    start,
    last: last!,
    floor,
    time,
    asOf,
    dedupComplete,
    // An unknown durability guarantees nothing.
    durability: Object.hasOwn(KNOWN_DURABILITIES, durability) ? durability : "memory",
    retention,
    limits: wholeLimits(limits!),
    heartbeat,
    ...(it.tokenExpiresIn !== undefined && { tokenExpiresIn: it.tokenExpiresIn }),
  };
  return { kind: "welcome", id, welcome };
}

/** An invalid limit counts as the default, since nothing could be sent with it; one beyond the maximum as the maximum. */
function wholeLimits(sent: { readonly [name in keyof Limits]?: unknown }): Limits {
  const limits: Record<keyof ClientLimits, number> = { ...DEFAULT_CLIENT_LIMITS };
  for (const name of Object.keys(limits) as (keyof ClientLimits)[]) {
    const limit = sent[name];
    const { min, max } = CLIENT_LIMITS[name];
    if (isCount(limit) && limit >= min) limits[name] = Math.min(limit, max);
  }
  const { largestMessageBytes: largest } = sent;
  if (!isCount(largest) || largest <= limits.messageBytes) return limits;
  return { ...limits, largestMessageBytes: Math.min(largest, CLIENT_LIMITS.messageBytes.max) };
}
