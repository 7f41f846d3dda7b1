/**
 * The file of a simulated server, from one process to the next.
 *
 * @module
 */

/** What belongs to a queue in a file, also after its process was killed: the database, its log, its lock. */
const PARTS = ["", "-wal", "-lock"];

/** A file. Each process has a copy of its own: so one that is dead but not quite gone changes nothing. */
export class SimulatedFiles {
  readonly #name: string;
  #uses = 1;

  /** There is no file yet. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Where it is now. */
  get path(): string {
    return `${this.#name}.${this.#uses}.db`;
  }

  /** Its process dies: the next one finds what is in the file at this moment, or nothing at all. */
  leave(keeps = true): void {
    const { path } = this;
    this.#uses++;
    if (!keeps) return;
    for (const part of PARTS) {
      try {
        Deno.copyFileSync(path + part, this.path + part);
      } catch (error) {
        // A file that was closed is one file.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Removes what a process has left, once it is no more open. */
  remove(path: string): void {
    for (const part of [...PARTS, "-shm"]) {
      try {
        Deno.removeSync(path + part);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
