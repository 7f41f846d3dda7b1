/**
 * The frames of a connection that wait, first come, first served.
 *
 * @module
 */

import { BacklogFrame } from "./backlog_frame.ts";

/** In the place of a frame that was taken. */
const TAKEN = new BacklogFrame(undefined);

/** A queue in which adding and taking cost the same at any length. */
export class FrameQueue {
  #frames: BacklogFrame[] = [];
  #next = 0;
  /** The requests of the frames before this index are counted. */
  #counted = 0;

  /** No frame waits. */
  get empty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** The next one, if there is one. */
  get next(): BacklogFrame | undefined {
    return this.#frames[this.#next];
  }

  /** Adds one at the end. */
  push(frame: BacklogFrame): void {
    this.#frames.push(frame);
  }

  /** Takes the next one out, if there is one. */
  take(): BacklogFrame | undefined {
    const frame = this.#frames[this.#next];
    if (!frame) return undefined;
    this.#frames[this.#next++] = TAKEN;
    // Removed in one go for many.
    if (this.#next > 32 && 2 * this.#next > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#next);
      this.#counted = Math.max(0, this.#counted - this.#next);
      this.#next = 0;
    }
    return frame;
  }

  /** All that wait, the next one first. */
  *all(): Iterable<BacklogFrame> {
    for (let i = this.#next; i < this.#frames.length; i++) yield this.#frames[i]!;
  }

  /** Those that were not counted yet. From then on they are. */
  *countRest(): Iterable<BacklogFrame> {
    for (let i = Math.max(this.#counted, this.#next); i < this.#frames.length; i++) {
      yield this.#frames[i]!;
    }
    this.#counted = this.#frames.length;
  }

  /** Adds one that is counted already. All others are, too. */
  pushCounted(frame: BacklogFrame): void {
    this.#frames.push(frame);
    this.#counted = this.#frames.length;
  }

  /** Removes all. */
  clear(): void {
    this.#frames = [];
    this.#next = this.#counted = 0;
  }
}
