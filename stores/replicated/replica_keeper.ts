/**
 * The replica of a server with its file: opened, saved now and then, and made anew from a snapshot.
 *
 * @module
 */

import { type Engine, isFaultOfPlace } from "../engine.ts";
import { GroupState } from "../groups/group_state.ts";
import type { StoreTime } from "../store_time.ts";
import { LogError, type LogState, type Snapshots } from "./record_log.ts";
import { ReplicaFile, type ReplicaPlace } from "./replica_file.ts";
import { makeReplicaFolder } from "./replica_folders.ts";
import type { CatchUpProgress, ReplicaNotice } from "./replica_notice.ts";
import { openParts } from "./replica_parts.ts";
import { NewerVersionError, Replica } from "./replica.ts";
import { readSnapshot, SnapshotError } from "./snapshot_text.ts";

/** The replica is saved after at least so long, in milliseconds; and after so much longer than it takes to save it. */
const SAVE_AFTER = 1000;
const SAVE_FACTOR = 20;

/** Who hears of a replica, and what it knows. */
export interface ReplicaKeeperOptions {
  /** The newest version of the state machine that it knows. Default: that of this program. */
  readonly knows?: number | undefined;
  /** Takes what the operator should know. */
  readonly notify?: ((notice: ReplicaNotice) => void) | undefined;
  /** Told how far it is, now and then, while it is made of a snapshot. */
  readonly onProgress?: ((progress: CatchUpProgress) => void) | undefined;
}

/** Keeps a replica. What its file lacks comes from the log once more. */
export class ReplicaKeeper {
  readonly #place: ReplicaPlace;
  /** The folder of a temporary file. */
  readonly #folder: string | undefined;
  readonly #time: StoreTime;
  #file: ReplicaFile;
  #replica: Replica;
  /** Digests of snapshots from which the log does not go on, or that are damaged. */
  readonly #refused = new Set<string>();
  /** The digest of the snapshot that it was made of last. */
  #from: string | undefined;
  readonly #knows: number | undefined;
  readonly #notify: (notice: ReplicaNotice) => void;
  readonly #onProgress: (progress: CatchUpProgress) => void;
  /** When it is to be saved next, by the monotonic clock. */
  #saveAt = 0;

  /**
   * Opens the file, or makes a new one.
   *
   * @param engine opens the file
   * @param path its path. Default: a temporary file, which is deleted when it is closed
   * @param time the time of the last commands
   * @param options who hears of it, and what it knows
   */
  constructor(
    engine: Engine,
    path: string | undefined,
    time: StoreTime,
    { notify = () => {}, onProgress = () => {}, knows }: ReplicaKeeperOptions,
  ) {
    this.#knows = knows;
    this.#notify = notify;
    this.#onProgress = onProgress;
    const folder = path === undefined ? makeReplicaFolder() : undefined;
    this.#folder = folder;
    const isTemporary = folder !== undefined;
    this.#place = { engine, path: path ?? `${folder}/replica.db`, isTemporary };
    this.#time = time;
    try {
      this.#file = ReplicaFile.open(this.#place);
      this.#replica = this.#open();
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
    this.#replica = this.#open();
  }

  /** Begins with an empty replica. */
  clear(): void {
    this.#file[Symbol.dispose]();
    this.#file = ReplicaFile.open(this.#place, true);
    this.#time.rewind(0);
    this.#replica = new Replica(this.#file, this.#time, this.#knows);
  }

  /**
   * Makes the replica anew, from the newest snapshot from which the log goes on; or an empty one, if the log has all of its records.
   *
   * @param snapshots where they are
   * @param state what the log holds
   * @param signal gives it up
   * @throws {LogError} `trimmed` if there is no such snapshot: then nothing has changed
   */
  async rebuild(
    snapshots: Snapshots,
    { first, last }: LogState,
    signal: AbortSignal,
  ): Promise<void> {
    const all = await snapshots.list();
    for (const name of all) {
      const { position, digest } = name;
      if (position < first - 1 || position > last || this.#refused.has(digest)) continue;
      try {
        await this.#load(snapshots.read(name, signal));
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        this.#refused.add(digest);
        continue;
      }
      const link = this.#replica.chain.last;
      if (link.position === position && link.digest === digest) return void (this.#from = digest);
      this.#refused.add(digest);
    }
    if (first > 1) {
      const reason = `it begins with record ${first}, and there is no snapshot of what was before`;
      throw new LogError("trimmed", `the log cannot be read: ${reason}`);
    }
    this.#from = undefined;
    this.clear();
  }

  /** The log does not go on from what the replica was made of: another snapshot is taken the next time. */
  refuse(): void {
    if (this.#from !== undefined) this.#refused.add(this.#from);
  }

  /** Makes the replica of the text of a snapshot. */
  async #load(parts: AsyncIterable<Uint8Array>): Promise<void> {
    this.clear();
    const onRows = (done: number) => this.#onProgress({ what: "rows", done, total: undefined });
    await readSnapshot(parts, ({ retention, limits }) => {
      const { messageLog } = openParts(this.#file, { retention, limits }, this.#time, () => {});
      // The tables of groups are made by the first one.
      const state = { claim: 0, forgottenTo: 0, through: 0, clock: 0 };
      new GroupState(this.#file.db, messageLog, limits, state);
      return this.#file.db;
    }, onRows);
    this.#file.commit();
    this.reopen();
  }

  /** Closes the file. */
  close(): void {
    try {
      if (this.#replica.failure === undefined) this.save();
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
  #open(): Replica {
    try {
      return new Replica(this.#file, this.#time, this.#knows);
    } catch (reason) {
      this.#file[Symbol.dispose]();
      if (reason instanceof NewerVersionError || isFaultOfPlace(reason)) throw reason;
      const message = "the file of the replica cannot be read: it is made anew from the log";
      this.#notify({ event: "replica_discarded", message, reason });
      this.#file = ReplicaFile.open(this.#place, true);
      return new Replica(this.#file, this.#time, this.#knows);
    }
  }
}
