/**
 * A queue in a file of which copies are kept and restored.
 *
 * @module
 */

import { type Clock, systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";

/** A folder of its own, with one queue in it. */
export class QueueFile implements AsyncDisposable {
  /** The path of the queue. */
  readonly path: string;
  readonly #root: string;
  readonly #folder: string;

  /** Makes the folder; the queue is made when it is opened. */
  constructor() {
    this.#root = Deno.makeTempDirSync();
    this.#folder = `${this.#root}/present`;
    Deno.mkdirSync(this.#folder);
    this.path = `${this.#folder}/queue.db`;
  }

  /** Opens the queue. The caller closes it before it is opened again or replaced. */
  open(clock: Clock = systemClock, retention = 600_000): FileStore {
    return new FileStore({
      path: this.path,
      engine: nodeSqlite,
      clock,
      retention,
      durability: "process",
    });
  }

  /** Copies all files of the queue as they are on the disk now. */
  copy(name: string): void {
    copyFolder(this.#folder, `${this.#root}/${name}`);
  }

  /** Restores a copy in the place of what is there. */
  bringBack(name: string): void {
    copyFolder(`${this.#root}/${name}`, this.#folder);
  }

  /** Deletes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

function copyFolder(from: string, to: string): void {
  try {
    Deno.removeSync(to, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
