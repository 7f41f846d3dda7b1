/**
 * Transactions of a database, with what is in memory of it.
 *
 * @module
 */

import type { Database, Statement } from "./engine.ts";

/** What a transaction ends with. */
export interface TransactionHooks {
  /** Writes what else belongs to the transaction, just before it is committed. */
  beforeCommit(): void;
  /** It is committed. */
  committed(): void;
  /** It failed, in its work or as it was `committing`; what is in memory is undone already. */
  failed(error: unknown, committing: boolean): void;
}

/** What is in memory, and has to say the same as the database. */
export interface MemoryState {
  /** Remembers how it is now; what comes back makes it so again. */
  savepoint(): () => void;
  /** What was done to it since holds. */
  commit(): void;
}

/** Does work in transactions, of which there is one at a time. */
export class Transactions {
  readonly #sql: Record<"begin" | "commit" | "rollback", Statement>;
  readonly #memory: MemoryState;
  readonly #hooks: TransactionHooks | undefined;
  #isUnderWay = false;

  /**
   * None is under way.
   *
   * @param db an open database
   * @param memory what is undone where a transaction fails
   * @param hooks what else transactions do
   */
  constructor(db: Database, memory: MemoryState, hooks: TransactionHooks | undefined) {
    // Prepared: the errors of these carry SQLite's code, those of `exec` none.
    this.#sql = {
      begin: db.prepare("BEGIN"),
      commit: db.prepare("COMMIT"),
      rollback: db.prepare("ROLLBACK"),
    };
    this.#memory = memory;
    this.#hooks = hooks;
  }

  /** Does work in a transaction; within one, as a part of it. If it fails, nothing of it has happened. */
  run(work: () => void): void {
    if (this.#isUnderWay) return work();
    const undo = this.#memory.savepoint();
    let committing = false;
    this.#isUnderWay = true;
    try {
      this.#sql.begin.run();
      work();
      this.#hooks?.beforeCommit();
      committing = true;
      this.#sql.commit.run();
    } catch (error) {
      undo();
      try {
        this.#sql.rollback.run();
      } catch {
        // SQLite has done it by itself, as it does where memory or the disk is full.
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
