/**
 * The replica of a server with its file: opened, saved now and then, and made anew from a snapshot.
 *
 * @module
 */

import type { Engine } from "../engine.ts";
import { GroupState } from "../groups/group_state.ts";
import type { StoreTime } from "../store_time.ts";
import { LogError, type LogState, type Snapshots } from "./record_log.ts";
import { ReplicaFile, type ReplicaPlace } from "./replica_file.ts";
import { openParts } from "./replica_parts.ts";
import { Replica } from "./replica.ts";
import { readSnapshot, SnapshotError } from "./snapshot_text.ts";

/** The replica is saved after at least so long, in milliseconds; and after so much longer than it takes to save it. */
const SAVE_AFTER = 1000;
const SAVE_FACTOR = 20;

/** Keeps a replica. What its file lacks comes from the log once more. */
export class ReplicaKeeper {
  readonly #place: ReplicaPlace;
  /** The folder of a temporary file. */
  readonly #folder: string | undefined;
  readonly #time: StoreTime;
  #file: ReplicaFile;
  #replica: Replica;
  /** When it is to be saved next, by the monotonic clock. */
  #saveAt = 0;

  /**
   * Opens the file, or makes a new one.
   *
   * @param engine opens the file
   * @param path its path. Default: a temporary file, which is deleted when it is closed
   * @param time the time of the last commands
   */
  constructor(engine: Engine, path: string | undefined, time: StoreTime) {
    const folder = path === undefined ? Deno.makeTempDirSync({ prefix: "dsmq-" }) : undefined;
    this.#folder = folder;
    this.#place = { engine, path: path ?? `${folder}/replica.db` };
    this.#time = time;
    try {
      this.#file = ReplicaFile.open(this.#place);
      this.#replica = this.#load();
    } catch (error) {
      this.#removeFolder();
      throw error;
    }
  }

  /** The replica; another one after {@linkcode ReplicaKeeper.reopen} and {@linkcode ReplicaKeeper.rebuild}. */
  get replica(): Replica {
    return this.#replica;
  }

  /** Where its file is. */
  get path(): string {
    return this.#place.path;
  }

  /** Saves it, if the last time is long ago. */
  saveIfDue(): void {
    const begun = performance.now();
    if (begun < this.#saveAt || this.#replica.unsaved === 0) return;
    this.save();
    const took = performance.now() - begun;
    this.#saveAt = begun + Math.max(SAVE_AFTER, SAVE_FACTOR * took);
  }

  /** Saves it now. */
  save(): void {
    this.#replica.save();
  }

  /** Goes back to where it was saved last, since its database has failed. */
  reopen(): void {
    this.#file[Symbol.dispose]();
    this.#file = ReplicaFile.open(this.#place);
    this.#replica = this.#load();
  }

  /** Begins with an empty replica. */
  clear(): void {
    this.#file[Symbol.dispose]();
    this.#file = ReplicaFile.open(this.#place, true);
    this.#replica = new Replica(this.#file, this.#time);
  }

  /**
   * Makes the replica anew, from the newest snapshot from which the log goes on; or an empty one, if the log has all of its records.
   *
   * @param snapshots where they are
   * @param state what the log holds
   * @param signal gives it up
   */
  async rebuild(
    snapshots: Snapshots,
    { first, last }: LogState,
    signal: AbortSignal,
  ): Promise<void> {
    const all = await snapshots.list();
    const usable = all.filter(({ position }) => position >= first - 1 && position <= last);
    for (const name of usable) {
      this.clear();
      try {
        await readSnapshot(snapshots.read(name, signal), ({ retention, limits }) => {
          const { messageLog } = openParts(
            ...[this.#file, { retention, limits }, this.#time, () => {}],
          );
          // The tables of groups are made by the first one.
          const saved = { claim: 0, forgottenTo: 0, through: 0, clock: 0 };
          new GroupState(this.#file.db, messageLog, limits, saved);
          return this.#file.db;
        });
        this.#file.commit();
        this.reopen();
        const { position, digest } = this.#replica.chain.last;
        if (position === name.position && digest === name.digest) return;
        throw new SnapshotError("it is of another position");
      } catch (error) {
        // An older one may be whole.
        if (!(error instanceof SnapshotError) || name === usable.at(-1)) throw error;
      }
    }
    this.clear();
    if (first <= 1) return;
    throw new LogError(
      "unusable",
      `the log begins with record ${first}, and there is no snapshot of what was before it`,
    );
  }

  /** Closes the file. */
  close(): void {
    try {
      if (!this.#replica.hasFailed) this.save();
    } catch {
      // The next start goes on from where it was saved before.
    } finally {
      this.#file[Symbol.dispose]();
      this.#removeFolder();
    }
  }

  #removeFolder(): void {
    if (this.#folder !== undefined) Deno.removeSync(this.#folder, { recursive: true });
  }

  /** Reads the file; if it is damaged, begins with an empty one. */
  #load(): Replica {
    try {
      return new Replica(this.#file, this.#time);
    } catch {
      this.#file[Symbol.dispose]();
      this.#file = ReplicaFile.open(this.#place, true);
      return new Replica(this.#file, this.#time);
    }
  }
}
