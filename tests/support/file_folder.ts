/**
 * A folder with a queue in a file, and what a test does to it.
 *
 * @module
 */

import type { Database, Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { texts } from "../../testing/store/support.ts";
import type { FileNotice } from "../../stores/file_guard.ts";
import { FileStore } from "../../stores/file_store.ts";
import { RETENTION } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** A folder that is deleted when the test ends, with the path of a queue in it. */
export class FileFolder implements Disposable {
  readonly root: string = Deno.realPathSync(Deno.makeTempDirSync());
  /** The warnings of the stores of this folder. */
  readonly warnings: string[] = [];
  readonly clock = new ManualClock();
  path = `${this.root}/present/queue.db`;

  constructor() {
    Deno.mkdirSync(`${this.root}/present`);
  }

  /** Opens a queue; the caller closes it. */
  open(path: string = this.path, engine: Engine = nodeSqlite): FileStore {
    const { clock } = this;
    const notify = ({ message, reason }: FileNotice) =>
      void this.warnings.push(reason === undefined ? message : `${message}: ${reason}`);
    const options = { path, engine, retention: RETENTION, clock, notify };
    return new FileStore({ ...options, durability: "disk" });
  }

  /** Copies all files of the queue now, as a killed process would leave them; returns the path of the copy. */
  killed(name: string): string {
    Deno.mkdirSync(`${this.root}/${name}`);
    for (const file of this.names()) {
      Deno.copyFileSync(`${this.root}/present/${file}`, `${this.root}/${name}/${file}`);
    }
    return `${this.root}/${name}/queue.db`;
  }

  /** The names of the files of a queue, sorted; of the current one unless another is given. */
  names(folder = "present"): string[] {
    return [...Deno.readDirSync(`${this.root}/${folder}`)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
  }
}

/** An engine that reports each statement after it was executed. */
export function watchedEngine(executed: (sql: string) => void): Engine {
  const open = (path: string): Database => {
    const db = nodeSqlite.open(path);
    const after = <T>(sql: string, work: () => T): T => {
      const result = work();
      executed(sql);
      return result;
    };
    return {
      exec: (sql) => after(sql, () => db.exec(sql)),
      prepare: (sql) => {
        const statement = db.prepare(sql);
        return {
          run: (...values) => after(sql, () => statement.run(...values)),
          all: (...values) => after(sql, () => statement.all(...values)),
        };
      },
      close: () => after("close", () => db.close()),
    };
  };
  return { name: "node:sqlite", open };
}

/** Where a test can put another file. */
export function otherPath({ root }: FileFolder): string {
  return `${root}/other`;
}

/** What the next start finds: an error, `a new queue`, or the messages. */
export async function nextStart(folder: FileFolder): Promise<string | string[]> {
  try {
    await using store = folder.open();
    const { last } = await store.bounds();
    return last === 0 ? "a new queue" : await texts(store);
  } catch (error) {
    return (error as Error).message;
  }
}
