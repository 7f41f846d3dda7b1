/**
 * Whether both ends hear each other: the server sends a heartbeat each so often, which is answered, and large frames
 * are announced either way.
 *
 * @module
 */

import type { Welcome } from "../protocol/answers.ts";
import {
  announcedAbove,
  largestFrame,
  LUMP,
  PEER_SPEED,
  SILENCE,
  SLOWEST,
} from "../protocol/limits.ts";
import { utf8Length } from "../protocol/text.ts";
import type { Line } from "./line.ts";

/** The server is told that bytes come before it believes that nobody reads them, in milliseconds. */
const TELL_WITHIN = 2000;

/** What is watched, and written to. */
type WatchedLine = Pick<Line, "bytesReceived" | "unsent" | "send" | "drop">;

/** Watches over a connection to a server. */
export class ServerWatch {
  /** How many frames came. */
  #frames = 0;
  /** How large a frame the server has announced, in bytes. */
  #coming = 0;
  /** How much has come, in bytes, or in frames where bytes are not seen. */
  #have = () => this.#frames;
  /** How much of it the server has been told of, and when. */
  #told = { have: 0, at: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  #line: WatchedLine | undefined;
  /** No frame of the server is larger, in bytes. */
  #largest = 0;
  /** A frame of more bytes than this is announced to the server. */
  #announcesAbove = Infinity;
  /** An answer to a heartbeat was sent behind much that waited to leave, and that still does. */
  #answerWaits = false;

  /**
   * Begins to watch, if the server sends heartbeats.
   *
   * @param welcome what the server said of itself
   * @param line what the server is heard on; it is given up if nothing is heard for too long
   */
  begin({ heartbeat, limits }: Pick<Welcome, "heartbeat" | "limits">, line: WatchedLine): void {
    this.#line = line;
    this.#largest = largestFrame(limits);
    if (heartbeat !== undefined) this.#watch(heartbeat, line);
  }

  /** Sends a frame, behind an announcement if it is large. */
  send(frame: string): void {
    const line = this.#line;
    if (!line) return;
    // A character takes up to three bytes.
    if (3 * frame.length > this.#announcesAbove) {
      const bytes = utf8Length(frame);
      if (bytes > this.#announcesAbove) line.send(`{"action":"heartbeat","ahead":${bytes}}`);
    }
    line.send(frame);
  }

  /** A frame came. */
  heard(): void {
    this.#frames++;
    this.#coming = 0;
  }

  /**
   * A large frame is on its way: where its bytes are not seen, nothing is heard until all are there.
   *
   * @param bytes how large it is; no more is believed than one can have
   */
  announced(bytes: number): void {
    this.#coming = Math.min(bytes, this.#largest);
  }

  /** Answers a heartbeat: alone, and not in its turn, for that tells the server that all up to it has arrived. */
  answer(): void {
    const waits = (this.#line?.unsent ?? 0) > LUMP;
    // While much waits to leave, one answer among it is enough: a server that reads nothing cannot make it more and more.
    if (waits && this.#answerWaits) return;
    this.#answerWaits = waits;
    this.#hasTold();
    this.#line?.send('{"action":"heartbeat"}');
  }

  /** The connection is over. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#line = undefined;
    this.#coming = 0;
    this.#answerWaits = false;
    this.#announcesAbove = Infinity;
  }

  #watch(every: number, line: WatchedLine): void {
    this.#have = () => line.bytesReceived ?? this.#frames;
    this.#hasTold();
    const tellAfter = Math.min(every, TELL_WITHIN) / 2;
    let silence = 0;
    let lookedAt = performance.now();
    let had = this.#have();
    this.#announcesAbove = announcedAbove(every, SLOWEST);
    this.#timer = setInterval(() => {
      const now = performance.now();
      const passed = now - lookedAt;
      lookedAt = now;
      const have = this.#have();
      const heard = have > had;
      had = have;
      silence = heard ? 0 : silence + passed;
      if (have > this.#told.have && now - this.#told.at >= tellAfter) {
        this.#hasTold();
        line.send(`{"action":"heartbeat","received":${have}}`);
      }
      // What came while this process was asleep is still to be read.
      if (passed > every) silence = Math.min(silence, every);
      else if (silence >= SILENCE.intervals * every + this.#slack(line)) {
        line.drop(`nothing was heard for ${Math.round(silence)} ms`);
      }
    }, Math.min(every / SILENCE.looks, TELL_WITHIN));
  }

  /** The server knows by now how much has come. */
  #hasTold(): void {
    this.#told = { have: this.#have(), at: performance.now() };
  }

  #slack({ bytesReceived }: WatchedLine): number {
    const unseen = bytesReceived === undefined ? this.#coming : Math.min(this.#coming, LUMP);
    return 1000 * unseen / PEER_SPEED;
  }
}
