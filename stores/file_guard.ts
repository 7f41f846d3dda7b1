/**
 * Watches a file in use: what happens when it was changed or removed, and what is logged.
 *
 * @module
 */

import type { DatabaseFile } from "./database_file.ts";
import type { FileOnDisk } from "./file_on_disk.ts";

/** In a burst, the files beside it are checked at most this often, in milliseconds; the file itself at each commit. */
const CHECK_INTERVAL = 10;

/** This many commits, each less than that after the last, are a burst. */
const BURST_COMMITS = 16;

/** Something that the operator should know about the file: a sentence, and what it is called in the log. */
export interface FileNotice {
  readonly event:
    | "store_exposed"
    | "store_unusable"
    | "store_recovered"
    | "store_commit_failed"
    | "store_purge_failed"
    | "store_close_failed";
  readonly message: string;
  /** Why, if the sentence does not say that. */
  readonly reason?: string;
  /** For programs. */
  readonly fields?: { readonly code: string };
}

/** Refuses to store anything where nobody will find it, and says so once. */
export class FileGuard {
  readonly #disk: FileOnDisk;
  readonly #notify: (notice: FileNotice) => void;
  /** Why puts are refused, as it was logged; `""` while they are accepted. */
  #reportedFault = "";
  /** When the last check was, when the last commit was, and how many commits came close together. */
  #lastCheck = -Infinity;
  #lastCommit = -Infinity;
  #burst = 0;

  /**
   * Begins to watch.
   *
   * @param disk the file, which was opened
   * @param notify takes what the operator should know
   */
  constructor(disk: FileOnDisk, notify: (notice: FileNotice) => void) {
    this.#disk = disk;
    this.#notify = notify;
    const { mode, realPath } = disk;
    if ((mode & 0o077) === 0) return;
    const octal = mode.toString(8).padStart(3, "0");
    const message =
      `others can read or write ${realPath} (its mode is ${octal}): chmod 600 makes it private`;
    notify({ event: "store_exposed", message });
  }

  /**
   * Called before something is stored.
   *
   * @param file the open file
   * @param isUnchanged whether the queue is as known, after another program has written to the file
   * @returns whether to continue with the file. If not, close it and open it again: either the queue in it was changed,
   * or its log has lost its name, as happens when another program believes to be the last one that has the file open;
   * everything in the log is saved
   * @throws {Error} if the next one that opens the file would not find what is stored
   */
  requireIntact(file: DatabaseFile, isUnchanged: () => boolean): boolean {
    const checksAll = this.#isCheckDue() || this.#reportedFault !== "";
    try {
      const isUntouched = this.#disk.requireFile();
      if (!isUntouched) file.wal.checkpointedElsewhere();
      if (!checksAll && isUntouched) return true;
      this.#disk.requireWal();
    } catch (error) {
      if (this.#disk.walIsGone) {
        file.wal.checkpointUnmarked();
        return false;
      }
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#reportedFault) {
        this.#notify({ event: "store_unusable", message: "puts are refused", reason });
      }
      this.#reportedFault = reason;
      throw error;
    }
    if (this.#reportedFault !== "") {
      const message = "puts are accepted again: the file is back";
      this.#notify({ event: "store_recovered", message });
    }
    this.#reportedFault = "";
    return !file.wasChanged() || isUnchanged();
  }

  /** Why puts are refused now, whether or not one was tried. */
  get fault(): string | undefined {
    const fault = this.#disk.fault;
    if (fault !== undefined || this.#reportedFault === "") return fault;
    // What was logged before is over, except for a log that was emptied: SQLite itself makes it shorter, too.
    return this.#disk.walIsShorter ? this.#reportedFault : undefined;
  }

  /** True each time, except in a burst: there a check would cost more than the commit of a message. */
  #isCheckDue(): boolean {
    const now = performance.now();
    this.#burst = now - this.#lastCommit < CHECK_INTERVAL ? this.#burst + 1 : 0;
    this.#lastCommit = now;
    if (this.#burst >= BURST_COMMITS && now - this.#lastCheck < CHECK_INTERVAL) return false;
    this.#lastCheck = now;
    return true;
  }

  /**
   * The file is about to be closed and is not what it was. If only the name of its log is lost, everything in it is
   * saved.
   *
   * @param file the open file
   * @param problem what is wrong
   */
  beforeClose(file: DatabaseFile, problem: string): void {
    const event = "store_close_failed";
    if (!this.#disk.hasLostWal) {
      return this.#notify({ event, message: "cannot close the queue properly", reason: problem });
    }
    try {
      file.wal.checkpointUnmarked();
      const message = `${problem}; all that was in it is in the file itself now`;
      this.#notify({ event, message });
    } catch (error) {
      const message = `${problem}, and what was in it is lost`;
      this.#notify({ event, message, reason: (error as Error).message });
    }
  }
}
