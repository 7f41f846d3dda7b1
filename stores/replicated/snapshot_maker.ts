/**
 * Makes the snapshots of a replicated store, on the server whose turn it is.
 *
 * @module
 */

import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import type { Engine } from "../engine.ts";
import type { ControlCommand } from "./control_commands.ts";
import type { RecordLog, SnapshotName } from "./record_log.ts";
import type { ReplicaKeeper } from "./replica_keeper.ts";
import type { ReplicaNotice } from "./replica_notice.ts";
import { writeSnapshot } from "./snapshot_text.ts";

/** What this needs of the store. */
export interface SnapshotMakerOptions {
  readonly log: Pick<RecordLog, "snapshots" | "trim">;
  readonly engine: Engine;
  readonly keeper: ReplicaKeeper;
  /** Sends a record; resolves once it was applied. */
  readonly control: (control: ControlCommand) => Promise<void>;
  /** Who writes the records of this server. */
  readonly writer: () => string;
  /** Takes what the operator should know. */
  readonly notify: (notice: ReplicaNotice) => void;
}

/** Makes one snapshot at a time. */
export class SnapshotMaker {
  readonly #options: SnapshotMakerOptions;
  #making: Promise<void> | undefined;
  #stopped = false;

  /** Makes none yet. */
  constructor(options: SnapshotMakerOptions) {
    this.#options = options;
  }

  /** Makes one, unless one is being made, here or elsewhere. Never rejects: the operator hears of a failure. */
  make(): Promise<void> {
    return this.#making ??= this.#tryMake();
  }

  /** Makes no more. Resolves once none is being made. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#making;
  }

  async #tryMake(): Promise<void> {
    const { notify } = this.#options;
    try {
      await this.#make();
    } catch (reason) {
      if (this.#stopped) return;
      notify({ event: "snapshot_failed", message: "cannot make a snapshot of the log", reason });
    } finally {
      this.#making = undefined;
    }
  }

  async #make(): Promise<void> {
    const { keeper, control, writer, log: { snapshots }, engine } = this.#options;
    await control({ type: "begin_snapshot" });
    const { schedule, identity } = keeper.replica;
    if (this.#stopped || schedule.maker !== writer() || !identity) return;
    keeper.save();
    const { position, digest } = keeper.replica.chain.last;
    const name = { position, digest };
    const db = engine.open(keeper.path);
    try {
      await snapshots.write(name, this.#parts(writeSnapshot(db, identity.configuration)));
    } finally {
      db.close();
    }
    await control({ type: "snapshot_taken", position, digest });
    await this.#removeOld(name);
  }

  /** Others have their turn after each part. */
  async *#parts(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for (const part of parts) {
      if (this.#stopped) throw new Error("the server stops");
      yield part;
      await new Promise<void>(afterNetworkPoll);
    }
  }

  /** The log and the snapshots before the last one but one are not needed any more. */
  async #removeOld({ position }: SnapshotName): Promise<void> {
    const { log, keeper } = this.#options;
    const { oldest } = keeper.replica.schedule;
    if (!oldest || oldest.position >= position) return;
    await log.trim(oldest.position + 1);
    for (const name of await log.snapshots.list()) {
      if (name.position < oldest.position) await log.snapshots.delete(name);
    }
  }
}
