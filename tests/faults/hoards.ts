/**
 * What peers with a weak token can have of a server at once: as much as its limits allow.
 *
 * @module
 */

import { memoryOf } from "../../server/memory.ts";
import { type ServerLimits, USUAL_LIMITS } from "../../protocol/limits.ts";
import type { TokenGrant } from "../../server.ts";
import { MEMORY_LIMITS } from "./held_memory.ts";
import { Hoarder } from "./hoarder.ts";
import { until } from "./pause.ts";
import { FLOOD, type Stated } from "./stated.ts";

/** A token that may do all, and one that may read a little. */
export const GOOD: TokenGrant = { token: "good" };
/** See {@linkcode GOOD}. */
export const WEAK: TokenGrant = { token: "weak", rights: ["read", "write"], topics: ["hoard"] };

/** What there may be of each, by the limits of such a server: for one holder half of it. */
export const HOARD_LIMITS: Partial<ServerLimits> & { readonly topicBytes: number } = {
  ...MEMORY_LIMITS,
  topicBytes: 64,
  subscriptions: 10_000,
  totalCursors: 1_000_000,
  totalWaits: 600_000,
  totalSubscriptions: 250_000,
};

/** Some of what can be hoarded. */
export interface Hoard {
  readonly name: string;
  readonly connections: number;
  /** They read nothing. */
  readonly deaf?: boolean;
  /** How many of each the server holds. */
  readonly held: { readonly cursors?: number; readonly waits?: number; readonly streams?: number };
  /** What each says. */
  readonly says: (place: number) => readonly string[];
  /** So many are answered, once it is there. */
  readonly answered: number;
  /** So many are told when all of it ends. */
  readonly told: number;
  /** That others do not wait meanwhile cannot be promised over `builtin`. */
  readonly builtin?: Stated;
}

const times = (count: number, request: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => request(i));

const list = (requests: readonly string[]) => `[${requests.join()}]`;

const stream = (i: number) =>
  `{"action":"subscribe","id":${i},"topic":"hoard.${i}","messages":9,"bytes":999}`;

const put = (i: number) => `{"action":"put","id":${i},"topic":"hoard","message":"m"}`;

/** A few large heaps. */
export const HOARDS: readonly Hoard[] = [
  {
    name: "200,000 waits",
    connections: 20,
    held: { cursors: 200_000, waits: 200_000 },
    says: () => [
      list([
        ...times(
          10_000,
          (i) => `{"action":"get_wait","id":${i},"topic":"hoard.${i}","timeout":1000000}`,
        ),
        // It is answered when all of them wait.
        `{"action":"heartbeat","id":10000}`,
      ]),
    ],
    answered: 20,
    told: 200_000,
  },
  {
    name: "100,000 cursors",
    connections: 10,
    held: { cursors: 100_000 },
    says: () => [list(times(10_000, (i) => `{"action":"get","id":${i},"topic":"hoard.${i}"}`))],
    answered: 100_000,
    told: 0,
  },
  {
    name: "10,000 streams of one connection",
    connections: 1,
    held: { cursors: 10_000, streams: 10_000 },
    says: () => [list(times(10_000, stream))],
    answered: 10_000,
    told: 10_000,
  },
  {
    name: "10,000 streams of 1,000 connections",
    connections: 1000,
    held: { cursors: 10_000, streams: 10_000 },
    says: () => [list(times(10, stream))],
    answered: 10_000,
    told: 10_000,
  },
  {
    name: "400,000 puts that have yet to be done",
    connections: 40,
    held: {},
    says: () => times(10, (k) => list(times(1000, (i) => put(1000 * k + i)))),
    answered: 0,
    told: 0,
    builtin: FLOOD,
  },
  {
    name: "5,000 connections that say nothing and read nothing",
    connections: 5000,
    deaf: true,
    held: {},
    says: () => [],
    answered: 0,
    told: 0,
  },
];

/** How much memory a hoard may take, in bytes: what the limits count for it, and all that they allow to be under way. */
export function heldBy({ held: { cursors = 0, waits = 0, streams = 0 } }: Hoard): number {
  return memoryOf({
    ...USUAL_LIMITS,
    ...HOARD_LIMITS,
    totalCursors: cursors,
    totalWaits: waits,
    totalSubscriptions: streams,
  });
}

/**
 * Hoards.
 *
 * @param port of the server
 * @param hoard what
 * @returns those who have it now; the crowd has them hang up
 */
export async function hoarded(
  port: number,
  { connections, deaf = false, says, answered }: Hoard,
  crowd: DisposableStack,
): Promise<readonly Hoarder[]> {
  const hoarders: Hoarder[] = [];
  let left = connections;
  await Promise.all(Array.from({ length: 20 }, async () => {
    while (left-- > 0) {
      const hoarder = await Hoarder.open(port, !deaf);
      crowd.defer(() => hoarder.cut());
      hoarders.push(hoarder);
    }
  }));
  const each = answered / connections;
  for (const [place, one] of hoarders.entries()) {
    const frames = says(place);
    // One after another, or there would be no room for all that they say; who is not answered goes on in the background.
    const said = (async () => {
      for (const frame of frames) await one.send(frame);
    })();
    if (each > 0) await until(() => one.ended || one.heard.answers >= each, 10_000, 1);
    else if (frames.length === 1) await said;
  }
  return hoarders;
}

/** How many of a kind all of them have heard. */
export function sum(hoarders: readonly Hoarder[], what: keyof Hoarder["heard"]): number {
  return hoarders.reduce((all, { heard }) => all + heard[what], 0);
}
