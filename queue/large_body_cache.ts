/**
 * The bodies of large messages that are being sent.
 *
 * @module
 */

import { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { TopicMessage } from "../stores/store.ts";

/** So many are remembered, as long as somebody has yet to be sent them, or V8 does not mind. */
const CACHE_SIZE = 8;

interface CachedBody {
  readonly seq: number;
  readonly closing: string;
  readonly suffix: WeakRef<SharedSuffix>;
}

/**
 * Those who read one message at about the same time are sent the same bytes: if each made a copy of them on its way out,
 * a thousand readers would need a thousand times its size.
 */
export class LargeBodyCache {
  /** The one that was met first at the beginning. */
  #cached: CachedBody[] = [];

  /** The end of the frames that hold a message alone, with the brackets that come after it. */
  get({ seq, body }: TopicMessage, closing: string): SharedSuffix {
    const cached = this.#cached.find((entry) => entry.seq === seq && entry.closing === closing);
    const cachedSuffix = cached?.suffix.deref();
    if (cachedSuffix) return cachedSuffix;
    const suffix = new SharedSuffix(body, closing);
    this.#cached = this.#cached.filter((entry) => entry !== cached).slice(1 - CACHE_SIZE);
    this.#cached.push({ seq, closing, suffix: new WeakRef(suffix) });
    return suffix;
  }
}
