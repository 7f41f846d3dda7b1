/**
 * The log of an open database: when and how it is brought into that, and what the database then says of it.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { Unusable } from "./file_faults.ts";
import type { FileOnDisk } from "./file_on_disk.ts";
import { FRAME_HEAD, framesIn, inUse, LOG_HEAD, logAt, type LogHead, markOf } from "./log_mark.ts";

/** So many pages may be in the log before they are brought into the database: all others wait until they are there. */
const LOG_PAGES = 1000;

/** What a transaction writes beside the messages themselves, in pages. */
const PAGES_BESIDE = 4;

/** What is in the log cannot be brought into the database, for another program reads what was there before. */
export class LogInUse extends Error {}

/** What is done with the log; see `log_mark.ts`. */
export class DatabaseLog {
  readonly #db: Database;
  readonly #disk: FileOnDisk;
  /** That of the log when it was looked at last; as long as it has this one, it only grows. */
  #lastSalt: number | undefined;
  /** No more than about so many pages are in the log; `Infinity`: they are to be brought into the database in any case. */
  #logPages = Infinity;

  /**
   * Takes the log of a database.
   *
   * @param db the open database
   * @param disk where it is
   */
  constructor(db: Database, disk: FileOnDisk) {
    this.#db = db;
    this.#disk = disk;
  }

  /** There is a log from now on. */
  begin(): void {
    this.#disk.opened(() => this.#leastBytes(), () => Number(this.#pragma("schema_version")));
    this.#lastSalt = this.#head?.salt;
  }

  /**
   * Brings all that is in the log into the database itself, and both to the disk. The database then says that a log goes
   * with it.
   *
   * @param how whether to wait for other programs that read or write
   * @throws {Error} if that cannot be done; what is in the log may not be on the disk then
   */
  checkpoint(how: "FULL" | "PASSIVE" = "FULL"): void {
    this.#logPages = 0;
    this.#disk.writing(() => {
      try {
        this.#mark();
        this.write(how);
      } finally {
        this.#setInUse();
      }
    });
    this.#lastSalt = this.#head?.salt;
  }

  /** As {@linkcode DatabaseLog.checkpoint}, but the database does not say then that a log goes with it. */
  write(how: "FULL" | "PASSIVE" = "FULL"): void {
    // Not TRUNCATE: a log without anything in it is one that was lost.
    const statement = this.#db.prepare(`PRAGMA wal_checkpoint(${how})`);
    let row: { busy: number; log: number; checkpointed: number } | undefined;
    try {
      [row] = statement.all() as [typeof row];
    } finally {
      this.#disk.written();
    }
    if (row?.busy !== 0 || row.checkpointed !== row.log) {
      throw new LogInUse("its log cannot be written to the database: another program reads there");
    }
  }

  /** Another program has brought the log into the database: that is to say again that a log goes with it. */
  wasWritten(): void {
    this.#logPages = Infinity;
  }

  /**
   * Something was committed: brings it into the database itself if it is time for that. If that fails, it stays in the
   * log, where it is as safe.
   *
   * @param bytes how much of the database was changed, at most
   */
  committed(bytes: number): void {
    this.#logPages += PAGES_BESIDE + bytes / 4096;
    if (this.#logPages < LOG_PAGES) return;
    try {
      // Changes that share pages take less than was counted.
      if (this.#logPages < Infinity) this.#logPages = framesIn(`${this.#disk.real}-wal`);
      if (this.#logPages < LOG_PAGES) return;
      this.checkpoint("PASSIVE");
    } catch {
      this.#logPages = LOG_PAGES / 2;
    }
  }

  /** The last in the log is the mark now. */
  #mark(): void {
    const schema = Number(this.#pragma("schema_version"));
    for (let salt = this.#salt(), before; salt !== before;) {
      this.#set(`user_version = ${markOf(salt, schema)}`);
      before = salt;
      // By that the log may have begun anew: all that was in it was in the database.
      salt = this.#salt();
    }
  }

  /** How large the log has to be at least, in bytes, after what can be is brought into the database; 0 if that was all. */
  #leastBytes(): number {
    const salt = this.#head?.salt;
    if (salt !== undefined && salt === this.#lastSalt) return Infinity;
    try {
      const [row] = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").all() as [{ log: number }];
      return row.log === 0
        ? 0
        : LOG_HEAD + row.log * (FRAME_HEAD + Number(this.#pragma("page_size")));
    } catch {
      // What should be in it is not.
      return Infinity;
    } finally {
      this.#disk.written();
      this.wasWritten();
    }
  }

  /** That of the log, which has one once anything is in it. */
  #salt(): number {
    if (!this.#head) this.#setInUse();
    const salt = this.#head?.salt;
    if (salt === undefined) throw new Unusable(`its log, ${this.#disk.real}-wal, cannot be read`);
    return salt;
  }

  get #head(): LogHead | undefined {
    return logAt(`${this.#disk.real}-wal`);
  }

  #setInUse(): void {
    this.#set(`user_version = ${inUse(this.#disk.use)}`);
  }

  /** Prepared: the errors of these carry SQLite's code, those of `exec` none. */
  #set(pragma: string): void {
    this.#db.prepare(`PRAGMA ${pragma}`).run();
  }

  #pragma(pragma: string): unknown {
    const [row] = this.#db.prepare(`PRAGMA ${pragma}`).all();
    return Object.values(Object(row))[0];
  }
}
