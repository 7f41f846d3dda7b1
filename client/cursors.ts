/**
 * How far a connection has read: what it tells a server when it comes back.
 *
 * @module
 */

import type { Welcome } from "../protocol/answers.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { WireSince } from "../protocol/requests.ts";

/** About as many characters of positions are in one `hello`: far from what a frame may have, whatever they are. */
const HELLO_SIZE = 256 * 1024;

/** Where topics are read from, and how far those are read that were. */
export class Cursors {
  /** Topics that were read, in the present history. */
  readonly #read = new Map<string, number>();
  /** Where all others begin, and in which history. */
  #start: { readonly after: number; readonly epoch: string };
  /** The caller named the start by its number: what is missing after it is a gap, however long ago. */
  readonly #exact: boolean;
  #epoch: string;
  /** Everything up to here was gone when the server was last heard. */
  #floor = 0;

  /**
   * Begins where a server let the connection in.
   *
   * @param welcome what it said
   * @param since where the caller wanted to begin
   */
  constructor({ epoch, start }: Welcome, since: WireSince | undefined) {
    this.#epoch = epoch;
    const after = typeof since === "object" && "after" in since ? since.after : undefined;
    this.#exact = after !== undefined;
    this.#start = { after: after ?? start, epoch };
  }

  /** The history that positions are of. */
  get epoch(): string {
    return this.#epoch;
  }

  /** A topic is read up to there. */
  read(topic: string, through: number): void {
    if (!Number.isSafeInteger(through)) return;
    if (through > (this.#read.get(topic) ?? -1)) this.#read.set(topic, through);
  }

  /** A read failed. If it was told that messages are missing, the next one goes on with what there is. */
  failed(topic: string, error: unknown): void {
    if (!(error instanceof DsmqError)) return;
    const { code, floor, last } = error;
    if (code !== "trimmed" && code !== "ahead" && code !== "epoch_changed") return;
    if (floor !== undefined && last !== undefined) {
      this.#read.set(topic, code === "ahead" ? last : floor);
    }
  }

  /** Everything up to there is gone: positions before it are as good as it. */
  gone(floor: number): void {
    if (!Number.isSafeInteger(floor) || floor <= this.#floor) return;
    this.#floor = floor;
    if (!this.#passed) return;
    for (const [topic, through] of this.#read) if (through < floor) this.#read.delete(topic);
  }

  /** The connection came back. In another history, all topics begin anew, and each is to be told. */
  renewed({ epoch }: Welcome): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#read.clear();
    this.#floor = 0;
  }

  /** What `hello` says of it: in several of them, if one would be too large. */
  hellos(): readonly object[] {
    const epoch = this.#epoch;
    const parts: Record<string, number>[] = [Object.create(null)];
    let size = 0;
    for (const [topic, through] of this.#read) {
      size += topic.length + 24;
      if (size > HELLO_SIZE) {
        parts.push(Object.create(null));
        size = 0;
      }
      parts.at(-1)![topic] = through;
    }
    const since = this.#passed ? "start" : this.#start;
    return parts.map((positions, i) => i > 0 ? { epoch, positions } : { since, epoch, positions });
  }

  /** What expired after the start was passed over long ago, as it is while one is connected: that is no gap. */
  get #passed(): boolean {
    const { after, epoch } = this.#start;
    return !this.#exact && epoch === this.#epoch && after < this.#floor;
  }
}
