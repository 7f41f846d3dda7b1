/**
 * The log beside a database while it is in use: that it is the one that was there, and whole.
 *
 * @module
 */

import { Unusable } from "./file_faults.ts";
import { hasFrameBefore } from "./log_mark.ts";
import { isOther, type Seen, seen } from "./seen.ts";

/** The log is cut back to this size once it was written to the database, in bytes. */
export const LOG_BYTES = 64 * 1024 * 1024;

/** A log, by its name. */
export class LogFile {
  readonly #path: string;
  /** What it was when it was looked at last. */
  #seen: Seen | undefined;
  /** How large it has to be at least, by what SQLite knows of it. */
  #leastBytes: () => number = () => Infinity;

  /**
   * Looks at nothing yet.
   *
   * @param path where it is, or will be
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** Whether it is known which log it is. */
  get isKnown(): boolean {
    return this.#seen !== undefined;
  }

  /** What is at its name now. */
  get now(): "gone" | "another" | "there" {
    const log = seen(this.#path);
    if (!log) return "gone";
    return this.#seen && isOther(log, this.#seen) ? "another" : "there";
  }

  /**
   * The log at its name is the right one.
   *
   * @param leastBytes asks SQLite how large it has to be at least
   */
  opened(leastBytes: () => number): void {
    this.#seen = seen(this.#path);
    this.#leastBytes = leastBytes;
  }

  /** All that was in it is in the database: SQLite may have cut it back. */
  beganAnew(): void {
    if (this.now === "there") this.#seen = seen(this.#path);
  }

  /** Throws if there is another one in its place. */
  requireNoOther(): void {
    if (this.now === "another") throw this.#other();
  }

  /** Whether it is shorter than before, be it for SQLite or for somebody else. */
  get isShorter(): boolean {
    return (seen(this.#path)?.size ?? 0) < (this.#seen?.size ?? 0);
  }

  /** Throws unless it is there, and whole. */
  requireWhole(): void {
    const log = seen(this.#path);
    const before = this.#seen;
    if (!log) throw new Unusable(`its log, ${this.#path}, is not there any more`);
    if (before && isOther(log, before)) throw this.#other();
    if (before && this.#lacks(log.size, before.size)) {
      throw new Unusable(`its log, ${this.#path}, was emptied or shortened`);
    }
    this.#seen = log;
  }

  /** Has the disk take all that is in it; says whether it did. */
  sync(): boolean {
    try {
      using log = Deno.openSync(this.#path);
      log.syncSync();
      return true;
    } catch {
      return false;
    }
  }

  #lacks(size: number, before: number): boolean {
    // Shorter also where SQLite has cut it back: all that was behind is in the file.
    if (size < before) return size < this.#leastBytes();
    // Longer also where SQLite has written on where the end was: before that there is nothing.
    return size > before && !hasFrameBefore(this.#path, before);
  }

  #other(): Error {
    return new Unusable(`${this.#path} is another file than before`);
  }
}
