/**
 * The bodies of large messages that are being sent.
 *
 * @module
 */

import { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { TopicMessage } from "../stores/store.ts";

/** At most this many are cached, while they are being sent, or until V8 collects them. */
const CACHE_SIZE = 8;

interface CachedBody {
  readonly seq: number;
  readonly closing: string;
  readonly suffix: WeakRef<SharedSuffix>;
}

/**
 * Connections that read the same message at about the same time send the same bytes: if each made a copy of them, a
 * thousand readers would need a thousand times its size.
 */
export class LargeBodyCache {
  /** The oldest entry first. */
  #cached: CachedBody[] = [];

  /** The end of a frame that holds only this message, with the brackets that come after it. */
  get({ seq, body }: TopicMessage, closing: string): SharedSuffix {
    const cached = this.#cached.find((entry) => entry.seq === seq && entry.closing === closing);
    const cachedSuffix = cached?.suffix.deref();
    if (cachedSuffix) return cachedSuffix;
    const suffix = new SharedSuffix(body, closing);
    this.#cached = this.#cached.filter((entry) => entry !== cached).slice(1 - CACHE_SIZE);
    this.#cached.push({ seq, closing, suffix: new WeakRef(suffix) });
    return suffix;
  }

  /** Forgets all: other messages may have their numbers from now on. */
  clear(): void {
    this.#cached = [];
  }
}
