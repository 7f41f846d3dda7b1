/**
 * Finds peers that have much to read and read nothing, with one timer for all.
 *
 * @module
 */

import type { PeerLimits } from "./transport.ts";

/** How often to check, in milliseconds. */
const CHECK_EVERY = 1000;

/** A peer that is monitored. */
export interface MonitoredPeer {
  /** Has it read since the last check, or does it need no monitoring any more? */
  checkProgress(): "reading" | "stalled" | "drained";
  /** For how much longer than others it may read nothing, in milliseconds. */
  readonly slack: number;
  /** Drops it, because it does not read or for another reason. */
  drop(reason: string, isSlowReader: boolean): void;
}

/**
 * Drops peers that read nothing for too long. There is no timer while no peer is monitored, so idle peers cost nothing.
 * Time is counted in checks: a clock that is set forward drops nobody.
 */
export class SlowPeerMonitor {
  readonly #after: PeerLimits["after"];
  readonly #slowReaderTimeout: number;
  /** For how many checks in a row each peer has read nothing. */
  readonly #checksWithoutProgress = new Map<MonitoredPeer, number>();
  #cancel: (() => void) | undefined;

  /** Monitors nobody yet. */
  constructor({ slowReaderTimeout, after }: Pick<PeerLimits, "slowReaderTimeout" | "after">) {
    this.#after = (ms, callback) => after(ms, callback);
    this.#slowReaderTimeout = slowReaderTimeout;
  }

  /** Monitors one more peer. */
  add(peer: MonitoredPeer): void {
    this.#checksWithoutProgress.set(peer, 0);
    this.#cancel ??= this.#after(CHECK_EVERY, () => this.#check());
  }

  /** Stops monitoring a peer that is gone. */
  delete(peer: MonitoredPeer): void {
    if (this.#checksWithoutProgress.delete(peer) && this.#checksWithoutProgress.size === 0) {
      this.stop();
    }
  }

  /** Stops monitoring. */
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
        peer.drop(`it read nothing for ${(checks + 1) * CHECK_EVERY / 1000} s`, true);
      }
    }
    if (this.#checksWithoutProgress.size > 0) {
      this.#cancel ??= this.#after(CHECK_EVERY, () => this.#check());
    }
  }
}

/** The error of the body of a response whose reader was cut off: a transport ends its connection, and need not report it as a defect. */
export class ReaderCut extends Error {
  /** Takes why it was cut off. */
  constructor(reason: string) {
    super(`The client of a response was cut off: ${reason}`);
    // A program that mounts a handler may print it, and where it comes from tells nothing.
    this.stack = `dsmq: ${this.message}`;
  }
}
