/**
 * A client behind an intermediary, such as a proxy, that refuses what is too large for it.
 *
 * @module
 */

import type { Connection } from "@dsmq/server";
import { type Bridge, inMemory, store, testServer } from "./bridge.ts";
import { closeAll, connectedPair } from "./connected_pair.ts";

/** The length of the longest frame that the intermediary passes on, unless a test sets another. */
const LIMIT = 1000;

/** A message that the intermediary refuses. */
export const BIG: string = "b".repeat(LIMIT);

/**
 * A topic or a message, or the beginning of one, by which a test knows the frames that are to be refused. Names made at
 * random, of stores and sessions, are in frames too, and may contain any short word: but no parentheses.
 */
export const BAD = "(bad)";

/** What a test gets. */
export interface BehindIntermediary {
  readonly mq: Connection;
  readonly bridge: Bridge;
  /** Puts messages without a client. */
  stored(topic: string, ...messages: string[]): Promise<void>;
}

/** What the intermediary refuses, and how. */
export interface Refusal {
  /** The code with which it closes the connection. Default: 1009 */
  readonly code?: number;
  /** The only direction in which it refuses anything. Default: both */
  readonly only?: "up" | "down";
  /** The length of the longest frame that it passes on. */
  readonly limit?: number;
  /** The token of the client. */
  readonly token?: () => string;
}

/** Runs a test with a client behind an intermediary that closes the connection at whatever is too large for it. */
export async function behindIntermediary(
  test: (at: BehindIntermediary) => Promise<void>,
  { code = 1009, only, limit = LIMIT, token }: Refusal = {},
): Promise<void> {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, token && { token });
  bridge.refuses = (frame, direction) =>
    (only ?? direction) === direction && frame.length > limit ? code : undefined;
  await test({ mq, bridge, stored: (topic, ...messages) => store(host, topic, ...messages) });
  await closeAll(mq, host);
}
