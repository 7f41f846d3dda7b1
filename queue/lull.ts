/**
 * A pause in what a peer says.
 *
 * @module
 */

/** A peer that has said nothing for so long, in milliseconds, has most likely nothing under way. */
const LULL = 50;

/** One who talks on without end is waited for so many times. */
const MOST = 20;

/** Waits for a peer to fall silent: what it said is under way for a while. */
export class Lull {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resolve: (() => void) | undefined;

  /**
   * Waits until nothing is heard for a moment, at most for a second.
   *
   * @param peer its `heard` is set whenever something is heard
   */
  async wait(peer: { heard: boolean }): Promise<void> {
    for (let i = 0; i < MOST; i++) {
      peer.heard = false;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        this.#timer = setTimeout(resolve, LULL);
      });
      if (!peer.heard) return;
    }
  }

  /** Waits no longer: the peer is gone. */
  end(peer: { heard: boolean }): void {
    peer.heard = false;
    clearTimeout(this.#timer);
    this.#resolve?.();
  }
}
