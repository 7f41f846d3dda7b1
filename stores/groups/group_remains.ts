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

/** A group that was deleted. Nothing of it changes any more. */
export interface DeletedGroup {
  readonly id: number;
  readonly name: GroupName;
  /** The jobs that its holders had. */
  held(): Iterable<HeldJob>;
  /** Its dead jobs. */
  dead(): Iterable<DeadState>;
  /** Messages up to here are released. Default: 0. */
  readonly after?: number;
}

/** What is left of such a group. */
export interface Remains extends Required<Pick<DeletedGroup, "id" | "name" | "after">> {
  readonly held: Remainder<HeldJob>;
  readonly dead: Remainder<DeadState>;
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
  readonly #all: (Remains & { after: number })[] = [];

  /** Has nothing to remove. */
  constructor(remover: RemainsRemover) {
    this.#remover = remover;
  }

  /** Nothing is left. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** All of them, in the order in which they are removed. */
  get all(): readonly Remains[] {
    return this.#all;
  }

  /** A group is deleted. */
  add({ id, name, held, dead, after = 0 }: DeletedGroup): void {
    this.#all.push({ id, name, after, held: new Remainder(held), dead: new Remainder(dead) });
  }

  /** Removes a part. */
  removeSome(): void {
    const remover = this.#remover;
    let left = PART;
    while (this.#all.length > 0 && left > 0) {
      const first = this.#all[0]!;
      const { id, name, held, dead, after } = first;
      left -= held.take(left, (job) => remover.lose(job));
      left -= dead.take(left, (job) => remover.forget(job));
      if (left === 0) return;
      const released = remover.release(name, after, left);
      first.after = released.after;
      left -= released.count;
      if (left === 0) return;
      left -= remover.removeRows(id, left);
      if (left === 0) return;
      remover.onRemoved(id);
      this.#all.shift();
      left--;
    }
  }
}

/** What is left of a list that is taken in parts. */
export class Remainder<Item> {
  readonly #list: () => Iterable<Item>;
  readonly #next: Iterator<Item>;
  #taken = 0;

  /**
   * Begins.
   *
   * @param list the list, always the same
   */
  constructor(list: () => Iterable<Item>) {
    this.#list = list;
    this.#next = list()[Symbol.iterator]();
  }

  /** Does something with so many at most; returns how many there were. */
  take(max: number, task: (item: Item) => void): number {
    for (let taken = 0; taken < max; taken++) {
      const { done, value } = this.#next.next();
      if (done) return taken;
      this.#taken++;
      task(value);
    }
    return max;
  }

  /** What is left. */
  *[Symbol.iterator](): Generator<Item> {
    let taken = this.#taken;
    for (const item of this.#list()) if (--taken < 0) yield item;
  }
}
