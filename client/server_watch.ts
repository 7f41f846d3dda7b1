/**
 * Whether the server is heard: it sends a heartbeat each so often.
 *
 * @module
 */

import { announcedAbove, LUMP, PEER_SPEED, SILENCE, SLOWEST } from "../protocol/limits.ts";
import type { Line } from "./line.ts";

/** The server is told that bytes come before it believes that nobody reads them, in milliseconds. */
const TELL_WITHIN = 2000;

/** Watches over a connection to a server. */
export class ServerWatch {
  /** How many frames came. */
  #frames = 0;
  /** How large a frame the server has announced, in bytes. */
  #coming = 0;
  /** The server has been told that what it sent arrives. */
  #told = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** A frame of more bytes than this is announced to the server. */
  announcesAbove = Infinity;

  /**
   * Begins to watch.
   *
   * @param every the interval of the heartbeats, in milliseconds
   * @param line what the server is heard on; it is given up if nothing is heard for too long
   */
  begin(every: number, line: Pick<Line, "bytesReceived" | "send" | "drop">): void {
    let silence = 0;
    let lookedAt = performance.now();
    let had = line.bytesReceived ?? this.#frames;
    this.announcesAbove = announcedAbove(every, SLOWEST);
    this.#timer = setInterval(() => {
      const now = performance.now();
      const passed = now - lookedAt;
      lookedAt = now;
      const have = line.bytesReceived ?? this.#frames;
      const heard = have > had;
      had = have;
      silence = heard ? 0 : silence + passed;
      if (heard && !this.#told) line.send(`{"action":"heartbeat","received":${have}}`);
      this.#told = false;
      // What came while this process was asleep is still to be read.
      if (passed > every) silence = Math.min(silence, every);
      else if (silence >= SILENCE.intervals * every + this.#slack(line)) {
        line.drop(`nothing was heard for ${Math.round(silence)} ms`);
      }
    }, Math.min(every / SILENCE.looks, TELL_WITHIN));
  }

  /** A frame came. */
  heard(): void {
    this.#frames++;
    this.#coming = 0;
  }

  /** A frame of so many bytes is on its way: where its bytes are not seen, nothing is heard until all are there. */
  comes(bytes: number): void {
    this.#coming = bytes;
  }

  /** A heartbeat is answered, which tells the server that all that it sent before has arrived. */
  answered(): void {
    this.#told = true;
  }

  /** The connection is over. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#coming = 0;
    this.announcesAbove = Infinity;
  }

  #slack({ bytesReceived }: Pick<Line, "bytesReceived">): number {
    const unseen = bytesReceived === undefined ? this.#coming : Math.min(this.#coming, LUMP);
    return 1000 * unseen / PEER_SPEED;
  }
}
