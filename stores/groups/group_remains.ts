/**
 * What is left of groups that are deleted: it is removed in parts, for it may be much.
 *
 * @module
 */

import type { DeadState } from "./death_reasons.ts";
import type { GroupName } from "./group_commands.ts";
import type { HeldJob } from "./holder.ts";

/** So much is removed with each batch of commands, and with each deletion: rows, and claims. */
const PART = 1024;

/** What is left of a group. */
export interface Remains {
  readonly id: number;
  readonly name: GroupName;
  /** The jobs that its holders had. */
  readonly held: Iterator<HeldJob>;
  /** Its dead jobs. */
  readonly dead: Iterator<DeadState>;
}

/** How it is removed. Each takes a maximum, and returns how much it has removed: less means that there is no more. */
export interface RemainsRemover {
  /** A claim becomes a lost one. */
  lose(job: HeldJob): void;
  /** A dead job does not count any more. */
  forget(job: DeadState): void;
  /** Expired messages after a number are released, and the number moves on. */
  release(name: GroupName, after: number, max: number): { count: number; after: number };
  /** Rows of jobs are deleted. */
  removeRows(id: number, max: number): number;
  /** Nothing is left of it. */
  onRemoved(id: number): void;
}

/** The groups that are deleted, and of which something is left. */
export class GroupRemains {
  readonly #remover: RemainsRemover;
  readonly #all: Remains[] = [];
  /** Of the first one, messages up to here are released. */
  #after = 0;

  /** Has nothing to remove. */
  constructor(remover: RemainsRemover) {
    this.#remover = remover;
  }

  /** Nothing is left. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** A group is deleted. */
  add(remains: Remains): void {
    this.#all.push(remains);
  }

  /** Removes a part. */
  removeSome(): void {
    const remover = this.#remover;
    let left = PART;
    while (this.#all.length > 0 && left > 0) {
      const { id, name, held, dead } = this.#all[0]!;
      left -= takeSome(held, left, (job) => remover.lose(job));
      left -= takeSome(dead, left, (job) => remover.forget(job));
      if (left === 0) return;
      const released = remover.release(name, this.#after, left);
      this.#after = released.after;
      left -= released.count;
      if (left === 0) return;
      left -= remover.removeRows(id, left);
      if (left === 0) return;
      remover.onRemoved(id);
      this.#all.shift();
      this.#after = 0;
      left--;
    }
  }
}

/** Does something with so many at most; returns how many there were. */
function takeSome<T>(items: Iterator<T>, max: number, task: (item: T) => void): number {
  for (let taken = 0; taken < max; taken++) {
    const { done, value } = items.next();
    if (done) return taken;
    task(value);
  }
  return max;
}
