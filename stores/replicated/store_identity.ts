/**
 * What a replicated store is: its id, its epochs, the options that decide results, and the version of its state machine.
 *
 * @module
 */

import { NameMap } from "../../protocol/name_map.ts";
import type { BeginEpoch, Configure, StoreConfiguration } from "./control_commands.ts";

/** What a store is, since its first record. */
export interface ReplicaIdentity {
  /** The id of the store. */
  readonly id: string;
  /** The name of the present epoch. */
  readonly epoch: string;
  /** How many epochs there were before. */
  readonly epochs: number;
  /** When the present epoch began, by the log's clock. */
  readonly began: number;
  /** The seed of its hashes. */
  readonly seed: number;
  /** How often it was configured. */
  readonly configured: number;
  /** The options that decide results. */
  readonly configuration: StoreConfiguration;
  /** The version of the state machine. */
  readonly version: number;
}

/** What is saved of it. */
export interface SavedIdentity {
  readonly current: ReplicaIdentity;
  readonly epochEnds: readonly (readonly [epoch: string, last: number])[];
}

/** Changes by records alone. */
export class StoreIdentity {
  /** The last number of each epoch before the present one. */
  readonly epochEnds: NameMap<number> = new NameMap();
  #current: ReplicaIdentity | undefined;

  /** What it is; `undefined` before the first record. */
  get current(): ReplicaIdentity | undefined {
    return this.#current;
  }

  /** What is saved of it; `undefined` before the first record. */
  get saved(): SavedIdentity | undefined {
    return this.#current && { current: this.#current, epochEnds: [...this.epochEnds] };
  }

  /** Goes on from what was saved. */
  restore({ current, epochEnds }: SavedIdentity): void {
    this.#current = current;
    for (const [epoch, last] of epochEnds) this.epochEnds.set(epoch, last);
  }

  /** Sets the options. Returns whether that changes them. */
  configure(command: Configure, version: number, began: number): boolean {
    const { after, configuration, id, epoch, seed } = command;
    if (after !== (this.#current?.configured ?? 0)) return false;
    this.#current = this.#current
      ? { ...this.#current, configuration, configured: after + 1 }
      : { id, epoch, seed, configuration, configured: 1, epochs: 0, began, version };
    return true;
  }

  /**
   * Begins an epoch.
   *
   * @param command its name
   * @param last the last number of the epoch before, as far as it is as it was
   * @param began the time
   */
  beginEpoch({ after, epoch }: BeginEpoch, last: number, began: number): void {
    const current = this.#current;
    if (!current || after !== current.epochs) return;
    this.epochEnds.set(current.epoch, last);
    const { epochs: max } = current.configuration.limits;
    for (let first; this.epochEnds.size >= max && (first = this.epochEnds.first) !== undefined;) {
      this.epochEnds.delete(first);
    }
    this.#current = { ...current, epoch, epochs: after + 1, began };
  }

  /** From now on the state machine has a newer version. */
  raiseVersion(version: number): void {
    const current = this.#current;
    if (current && version > current.version) this.#current = { ...current, version };
  }
}
