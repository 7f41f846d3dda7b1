/**
 * The resources that peers with a weak token can hold at once: as much as the limits allow.
 *
 * @module
 */

import { memoryFor } from "../../server/heap_limits.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../protocol/limits.ts";
import type { TokenGrant } from "../../server.ts";
import { MEMORY_LIMITS } from "./memory_limits.ts";
import { Flooder } from "./flooder.ts";
import { until } from "./sleep.ts";
import { FLOOD, type PlatformLimit } from "./platform_limits.ts";

/** A token that may do everything, and one that may read a little. */
export const GOOD: TokenGrant = { token: "good" };
/** See {@linkcode GOOD}. */
export const WEAK: TokenGrant = {
  token: "weak",
  permissions: ["read", "write"],
  prefixes: ["held"],
};

/** The limits of such a server: one owner may have half of each. */
export const RESOURCE_LIMITS: Partial<ServerLimits> & { readonly topicBytes: number } = {
  ...MEMORY_LIMITS,
  topicBytes: 64,
  subscriptions: 10_000,
  totalCursors: 1_000_000,
  totalWaits: 600_000,
  totalSubscriptions: 250_000,
};

/** A kind of resource that can be held. */
export interface ResourceUse {
  readonly name: string;
  readonly connections: number;
  /** Its connections read nothing. */
  readonly readsNothing?: boolean;
  /** How many of each the server holds. */
  readonly held: { readonly cursors?: number; readonly waits?: number; readonly streams?: number };
  /** What each connection sends. */
  readonly framesOf: (index: number) => readonly string[];
  /** How many replies show that it is held. */
  readonly answered: number;
  /** How many notices there are when all of it ends. */
  readonly notified: number;
  /** Over `builtin`, it cannot be promised that others do not wait meanwhile. */
  readonly builtin?: PlatformLimit;
}

const times = (count: number, request: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => request(i));

const list = (requests: readonly string[]) => `[${requests.join()}]`;

const stream = (i: number) =>
  `{"action":"subscribe","id":${i},"topic":"held.${i}","messages":9,"bytes":999}`;

const put = (i: number) => `{"action":"put","id":${i},"topic":"held","body":"m"}`;

/** A few large holdings. */
export const RESOURCE_USES: readonly ResourceUse[] = [
  {
    name: "200,000 waits",
    connections: 20,
    held: { cursors: 200_000, waits: 200_000 },
    framesOf: () => [
      list([
        ...times(
          10_000,
          (i) => `{"action":"get_wait","id":${i},"topic":"held.${i}","timeout":1000000}`,
        ),
        // It is answered once all of them wait.
        `{"action":"heartbeat","id":10000}`,
      ]),
    ],
    answered: 20,
    notified: 200_000,
  },
  {
    name: "100,000 cursors",
    connections: 10,
    held: { cursors: 100_000 },
    framesOf: () => [list(times(10_000, (i) => `{"action":"get","id":${i},"topic":"held.${i}"}`))],
    answered: 100_000,
    notified: 0,
  },
  {
    name: "10,000 streams of one connection",
    connections: 1,
    held: { cursors: 10_000, streams: 10_000 },
    framesOf: () => [list(times(10_000, stream))],
    answered: 10_000,
    notified: 10_000,
  },
  {
    name: "10,000 streams of 1,000 connections",
    connections: 1000,
    held: { cursors: 10_000, streams: 10_000 },
    framesOf: () => [list(times(10, stream))],
    answered: 10_000,
    notified: 10_000,
  },
  {
    name: "400,000 queued puts",
    connections: 40,
    held: {},
    framesOf: () => times(10, (k) => list(times(1000, (i) => put(1000 * k + i)))),
    answered: 0,
    notified: 0,
    builtin: FLOOD,
  },
  {
    name: "5,000 silent connections that read nothing",
    connections: 5000,
    readsNothing: true,
    held: {},
    framesOf: () => [],
    answered: 0,
    notified: 0,
  },
];

/** How much memory the resource may take, in bytes: its counted size, and all work that the limits allow at once. */
export function memoryOfUse(
  { held: { cursors = 0, waits = 0, streams = 0 } }: ResourceUse,
): number {
  return memoryFor({
    ...DEFAULT_LIMITS,
    ...RESOURCE_LIMITS,
    totalCursors: cursors,
    totalWaits: waits,
    totalSubscriptions: streams,
  });
}

/**
 * Takes a resource.
 *
 * @param port of the server
 * @param use the resource
 * @returns the connections that hold it; the stack disconnects them
 */
export async function useResources(
  port: number,
  { connections, readsNothing = false, framesOf, answered }: ResourceUse,
  stack: DisposableStack,
): Promise<readonly Flooder[]> {
  const flooders: Flooder[] = [];
  let remaining = connections;
  await Promise.all(Array.from({ length: 20 }, async () => {
    while (remaining-- > 0) {
      const flooder = await Flooder.open(port, !readsNothing);
      stack.defer(() => flooder.cut());
      flooders.push(flooder);
    }
  }));
  const each = answered / connections;
  for (const [index, one] of flooders.entries()) {
    const frames = framesOf(index);
    // One after another, so that there is room for their frames; a connection without a reply continues in the background.
    const sending = (async () => {
      for (const frame of frames) await one.send(frame);
    })();
    if (each > 0) await until(() => one.ended || one.received.replies >= each, 10_000, 1);
    else if (frames.length === 1) await sending;
  }
  return flooders;
}

/** How many replies of a kind all of them have received. */
export function totalReceived(
  flooders: readonly Flooder[],
  what: keyof Flooder["received"],
): number {
  return flooders.reduce((all, { received }) => all + received[what], 0);
}
