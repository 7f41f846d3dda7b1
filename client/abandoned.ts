/**
 * A request that nobody waits for any more, and that the server may still be busy with.
 *
 * @module
 */

import { Asked } from "./asked.ts";

/** In the place of a request whose answer is nobody's. */
export class Abandoned extends Asked {
  readonly action: string;
  readonly topic = undefined;
  readonly size = 0;
  readonly calls: number;

  /** Takes its place in the window, and under suspicion. */
  constructor({ action, calls, id, order, suspect, weight }: Asked) {
    super();
    this.action = action;
    this.calls = calls;
    this.id = id;
    this.order = order;
    this.suspect = suspect;
    this.weight = weight;
  }

  override get wanted(): boolean {
    return false;
  }

  protected members(): string {
    return "";
  }

  override again(): boolean {
    return false;
  }

  answered(): void {}
  failed(): void {}
}
