/**
 * The bodies of large messages that are being sent.
 *
 * @module
 */

import { SharedEnd } from "../protocol/shared_end.ts";
import type { Message } from "../stores/store.ts";

/** So many are remembered, as long as somebody has yet to be sent them, or V8 does not mind. */
const REMEMBERED = 8;

interface Known {
  readonly seq: number;
  readonly after: string;
  readonly end: WeakRef<SharedEnd>;
}

/**
 * Those who read one message at about the same time are sent the same bytes: if each made a copy of them on its way out,
 * a thousand readers would need a thousand times its size.
 */
export class LargeBodies {
  /** The one that was met first at the beginning. */
  #all: Known[] = [];

  /** The end of the frames that hold a message alone, with the brackets that come after it. */
  of({ seq, body }: Message, after: string): SharedEnd {
    const known = this.#all.find((one) => one.seq === seq && one.after === after);
    const before = known?.end.deref();
    if (before) return before;
    const end = new SharedEnd(body, after);
    this.#all = this.#all.filter((one) => one !== known).slice(1 - REMEMBERED);
    this.#all.push({ seq, after, end: new WeakRef(end) });
    return end;
  }
}
