/**
 * Watches over a file while it is in use: what is done where it is not any more what it was, and what a person is told.
 *
 * @module
 */

import type { DatabaseFile } from "./database_file.ts";
import type { FileOnDisk } from "./file_on_disk.ts";

/** In a burst, what is beside the file is looked at so often only, in milliseconds; the file itself at each commit. */
const CHECK_INTERVAL = 10;

/** So many commits, with less than that between two of them, are a burst. */
const BURST_COMMITS = 16;

/** Lets nothing be stored where nobody will find it, and tells so once. */
export class FileGuard {
  readonly #disk: FileOnDisk;
  readonly #warn: (text: string) => void;
  /** Why puts are refused, as it was told; `""` while they are taken. */
  #reportedFault = "";
  /** When it was looked last, when something was committed last, and how many commits came close together. */
  #lastCheck = -Infinity;
  #lastCommit = -Infinity;
  #burst = 0;

  /**
   * Begins to watch.
   *
   * @param disk the file, which was opened
   * @param warn takes what a person should know
   */
  constructor(disk: FileOnDisk, warn: (text: string) => void) {
    this.#disk = disk;
    this.#warn = warn;
    const { mode, realPath } = disk;
    if ((mode & 0o077) === 0) return;
    const octal = mode.toString(8).padStart(3, "0");
    warn(`dsmq: others can read or write ${realPath} (its mode is ${octal}): chmod 600 ends that`);
  }

  /**
   * Called before something is stored.
   *
   * @param file the open file
   * @param isUnchanged whether the queue in it is as it is known, after another program has written to the file
   * @returns whether it may be gone on with; if not it has to be closed and opened again, for the queue in it was changed,
   * or its log has lost its name, as happens where another program takes itself for the last that has the file open. All
   * that was in that is saved
   * @throws {Error} if who opens the file next would not find what is stored
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
      if (reason !== this.#reportedFault) this.#warn(`dsmq: puts are refused: ${reason}`);
      this.#reportedFault = reason;
      throw error;
    }
    if (this.#reportedFault !== "") this.#warn("dsmq: puts are taken again: the file is back");
    this.#reportedFault = "";
    return !file.wasChanged() || isUnchanged();
  }

  /** Why puts are refused now, whether or not one has been tried. */
  get fault(): string | undefined {
    const fault = this.#disk.fault;
    if (fault !== undefined || this.#reportedFault === "") return fault;
    // What was told before is over, but for a log that was emptied: SQLite itself makes it shorter, too.
    return this.#disk.walIsShorter ? this.#reportedFault : undefined;
  }

  /** Each time, but in a burst: there the look would cost more than the commit of a message. */
  #isCheckDue(): boolean {
    const now = performance.now();
    this.#burst = now - this.#lastCommit < CHECK_INTERVAL ? this.#burst + 1 : 0;
    this.#lastCommit = now;
    if (this.#burst >= BURST_COMMITS && now - this.#lastCheck < CHECK_INTERVAL) return false;
    this.#lastCheck = now;
    return true;
  }

  /**
   * The file is about to be closed, and is not what it was. Where only the name of its log is lost, all that was in that is
   * saved.
   *
   * @param file the open file
   * @param problem what is wrong
   */
  beforeClose(file: DatabaseFile, problem: string): void {
    if (!this.#disk.hasLostWal) {
      return this.#warn(`dsmq: cannot close the queue as it should be: ${problem}`);
    }
    try {
      file.wal.checkpointUnmarked();
      this.#warn(`dsmq: ${problem}; all that was in it is in the file itself now`);
    } catch (error) {
      this.#warn(`dsmq: ${problem}, and what was in it is lost: ${(error as Error).message}`);
    }
  }
}
