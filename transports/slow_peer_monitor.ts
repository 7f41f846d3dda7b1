/**
 * Peers that have much to read, looked after with one timer for all.
 *
 * @module
 */

import type { PeerLimits } from "./transport.ts";

/** How often to look, in milliseconds. */
const CHECK_EVERY = 1000;

/** A peer that is looked after. */
export interface MonitoredPeer {
  /** Has it read since the last look, or need it not be looked after any more? */
  checkProgress(): "reading" | "stalled" | "drained";
  /** For how much longer than others it may read nothing, in milliseconds. */
  readonly slack: number;
  /** Gives it up. */
  drop(reason: string): void;
}

/**
 * Gives up those who read nothing for too long. There is no timer while nobody has to be looked after,
 * so peers at rest cost nothing. Time is counted in looks: a clock that is set forward gives nobody up.
 */
export class SlowPeerMonitor {
  readonly #after: PeerLimits["after"];
  readonly #slowReaderTimeout: number;
  /** How many looks in a row found each as it was. */
  readonly #checksWithoutProgress = new Map<MonitoredPeer, number>();
  #cancel: (() => void) | undefined;

  /** Makes one that looks after nobody. */
  constructor({ slowReaderTimeout, after }: Pick<PeerLimits, "slowReaderTimeout" | "after">) {
    this.#after = (ms, callback) => after(ms, callback);
    this.#slowReaderTimeout = slowReaderTimeout;
  }

  /** Looks after one more. */
  add(peer: MonitoredPeer): void {
    this.#checksWithoutProgress.set(peer, 0);
    this.#cancel ??= this.#after(CHECK_EVERY, () => this.#check());
  }

  /** Looks no more after one who is gone. */
  delete(peer: MonitoredPeer): void {
    if (this.#checksWithoutProgress.delete(peer) && this.#checksWithoutProgress.size === 0) {
      this.stop();
    }
  }

  /** Looks no more after anybody. */
  stop(): void {
    this.#checksWithoutProgress.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #check(): void {
    this.#cancel = undefined;
    for (const [peer, checks] of this.#checksWithoutProgress) {
      const progress = peer.checkProgress();
      if (progress === "drained") this.#checksWithoutProgress.delete(peer);
      else if (progress === "reading") this.#checksWithoutProgress.set(peer, 0);
      else if ((checks + 1) * CHECK_EVERY < this.#slowReaderTimeout + peer.slack) {
        this.#checksWithoutProgress.set(peer, checks + 1);
      } else {
        this.#checksWithoutProgress.delete(peer);
        peer.drop(`it read nothing for ${(checks + 1) * CHECK_EVERY / 1000} s`);
      }
    }
    if (this.#checksWithoutProgress.size > 0) {
      this.#cancel ??= this.#after(CHECK_EVERY, () => this.#check());
    }
  }
}
