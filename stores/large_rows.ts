/**
 * Rows of large messages that were read a short time ago.
 *
 * @module
 */

import type { TopicMessage } from "./store.ts";

/** To read this many bytes takes long. */
const LARGE_BYTES = 64 * 1024;

/** This many are remembered, until V8 collects them. */
const MAX_ROWS = 64;

/** Whether a row takes long to read; then its message is alone in it. */
export function isLarge([message]: readonly TopicMessage[]): boolean {
  return message!.bytes >= LARGE_BYTES;
}

/**
 * Many readers may want the same message at about the same time, and each may look it up again once there is room to
 * send it. If it were read from the database each time, a thousand readers would make garbage of a thousand times its
 * size.
 */
export class LargeRows {
  /** By the sequence number of the message, which is alone in its row; with the id of its topic. */
  readonly #rows = new Map<
    number,
    { readonly id: number; readonly message: WeakRef<TopicMessage> }
  >();

  /** Whether rows of a topic were read a short time ago: to look up others would take time. */
  has(id: number): boolean {
    for (const row of this.#rows.values()) if (row.id === id) return true;
    return false;
  }

  /** A row of a topic was read. */
  record(id: number, row: readonly TopicMessage[]): void {
    if (!isLarge(row)) return;
    const [message] = row;
    this.#rows.delete(message!.seq);
    this.#rows.set(message!.seq, { id, message: new WeakRef(message!) });
    if (this.#rows.size > MAX_ROWS) this.#rows.delete(this.#rows.keys().next().value!);
  }

  /** The message of a row, if it is remembered. */
  find(seq: number): TopicMessage | undefined {
    return this.#rows.get(seq)?.message.deref();
  }

  /** Messages up to a number are deleted. */
  forget(upTo = Infinity): void {
    for (const seq of this.#rows.keys()) if (seq <= upTo) this.#rows.delete(seq);
  }
}
