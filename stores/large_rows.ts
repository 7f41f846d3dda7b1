/**
 * Rows of large messages that were read lately.
 *
 * @module
 */

import type { TopicMessage } from "./store.ts";

/** To read so many bytes takes long. */
const LARGE_BYTES = 64 * 1024;

/** So many are remembered, as long as V8 does not mind. */
const MAX_ROWS = 64;

/** Whether it takes long to read a row; its message is alone in it. */
export function isLarge([message]: readonly TopicMessage[]): boolean {
  return message!.bytes >= LARGE_BYTES;
}

/**
 * Many may want the same one at about the same time, and each may have to look for it again once there is room for it: if
 * it were read from the database each time, a thousand readers would make garbage of a thousand times its size.
 */
export class LargeRows {
  /** By the number of the message, which is alone in its row; with that of its topic. */
  readonly #rows = new Map<
    number,
    { readonly id: number; readonly message: WeakRef<TopicMessage> }
  >();

  /** Whether rows of a topic were read lately: to ask for others would take time. */
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

  /** The message of a row that was read, if that is remembered. */
  find(seq: number): TopicMessage | undefined {
    return this.#rows.get(seq)?.message.deref();
  }

  /** Those up to a number are no longer there. */
  forget(upTo = Infinity): void {
    for (const seq of this.#rows.keys()) if (seq <= upTo) this.#rows.delete(seq);
  }
}
