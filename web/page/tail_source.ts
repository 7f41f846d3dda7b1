/**
 * What a tail needs: the server, and the time.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import type { TailApi } from "./recent_messages.ts";

/** The time, as a tail needs it. */
export interface TailClock {
  /** Milliseconds, from anywhere. */
  now(): number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Resolves as soon as somebody sees the page, or when the signal aborts. */
  seen(signal: AbortSignal): Promise<void>;
}

/** What a tail reads from. */
export interface TailSource {
  readonly mq: Pick<Connection, "subscribe">;
  readonly api: TailApi;
  readonly topic: string;
  readonly clock: TailClock;
}
