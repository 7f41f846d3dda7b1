/**
 * What a replay has still to show of the messages that were there when it began, and how much of that it may take.
 *
 * @module
 */

import type { Message, Since, TopicInfo } from "../../client.ts";
import { parsePosition } from "../../protocol/position.ts";

/** How much a replay takes at a time. */
const PAGE = { messages: 200, characters: 1024 * 1024 } as const;

/** What is known of the newest message of a topic; `undefined`: there is none. */
type Newest = Pick<TopicInfo, "seq" | "time"> | undefined;

/** A replay, which begins with a page. */
export class Replay {
  /** What has been shown, or skipped: everything up to here. */
  #after: Since;
  /** The number of the last message that belongs to it. */
  #end: number;
  #hasMore: boolean;
  #allowed: { messages: number; characters: number } = { ...PAGE };

  /** Begins. Whether anything comes after `since` is known when it comes, or when nothing comes for a while. */
  constructor(since: Since, newest: Newest) {
    this.#after = since;
    this.#end = newest?.seq ?? 0;
    this.#hasMore = newest !== undefined;
  }

  /** There is more to show. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** What it may take has been taken. */
  get isPageFull(): boolean {
    return this.#allowed.messages <= 0 || this.#allowed.characters <= 0;
  }

  /** Lets it take one more page. */
  more(): void {
    this.#allowed = { ...PAGE };
  }

  /** Takes a message. */
  take({ seq, position, body }: Pick<Message, "seq" | "position" | "body">): void {
    this.#after = position;
    this.#allowed.messages--;
    this.#allowed.characters -= body.length;
    if (seq >= this.#end) this.#hasMore = false;
  }

  /** The server has another history than the one that was asked for: all of it is to be shown. */
  beginAnew(): void {
    this.#after = "start";
  }

  /** Nothing has come for a while: there may be nothing left. */
  look(newest: Newest): void {
    this.#hasMore = newest !== undefined && isAfter(newest, this.#after);
    this.#end = newest?.seq ?? 0;
  }
}

function isAfter({ seq, time }: NonNullable<Newest>, since: Since): boolean {
  if (typeof since === "number") return seq > since;
  if (since instanceof Date) return time >= since.getTime();
  const position = typeof since === "string" ? parsePosition(since) : undefined;
  return typeof position === "object" ? seq > position.seq : true;
}
