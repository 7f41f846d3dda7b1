/**
 * Transactions of a database, together with state in memory.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";

/** What happens at the end of a transaction. */
export interface TransactionHooks {
  /** Writes what else belongs to the transaction, just before it is committed. */
  beforeCommit(): void;
  /** It was committed. */
  committed(): void;
  /** It failed, in its work or while `committing`; the state in memory is undone already. */
  failed(error: unknown, committing: boolean): void;
}

/** State in memory that must agree with the database. */
export interface MemoryState {
  /** Saves the state; the result restores it. */
  savepoint(): () => void;
  /** Changes since then are final. */
  commit(): void;
}

/** Runs transactions, one at a time. */
export class Transactions {
  readonly #sql: Record<"begin" | "commit" | "rollback", Statement> | undefined;
  readonly #memory: MemoryState;
  readonly #hooks: TransactionHooks | undefined;
  #isUnderWay = false;

  /**
   * No transaction is running.
   *
   * @param db an open database. Default: the work is a part of a transaction that somebody else begins and ends
   * @param memory what is undone if a transaction fails
   * @param hooks what else happens at the end
   */
  constructor(db: Database | undefined, memory: MemoryState, hooks: TransactionHooks | undefined) {
    // Prepared: the errors of prepared statements carry SQLite's code, those of `exec` do not.
    this.#sql = db && {
      begin: db.prepare("BEGIN"),
      commit: db.prepare("COMMIT"),
      rollback: db.prepare("ROLLBACK"),
    };
    this.#memory = memory;
    this.#hooks = hooks;
  }

  /** Work that fails now is a part of a transaction, and cannot be undone by itself: all of that has to fail. */
  get isUnderWay(): boolean {
    return this.#isUnderWay || this.#sql === undefined;
  }

  /** Runs work in a transaction, or as a part of the one that is running. If it fails, nothing of it has happened. */
  run(work: () => void): void {
    if (this.#isUnderWay) return work();
    const undo = this.#memory.savepoint();
    let committing = false;
    this.#isUnderWay = true;
    try {
      this.#sql?.begin.run();
      work();
      this.#hooks?.beforeCommit();
      committing = true;
      this.#sql?.commit.run();
    } catch (error) {
      undo();
      try {
        this.#sql?.rollback.run();
      } catch {
        // SQLite has done it, as it does when memory or the disk is full.
      }
      this.#hooks?.failed(error, committing);
      throw error;
    } finally {
      this.#isUnderWay = false;
    }
    this.#memory.commit();
    this.#hooks?.committed();
  }
}
