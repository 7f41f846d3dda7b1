/**
 * A store whose answers are held until the test releases them.
 *
 * @module
 */

import { type Clock, systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Command, CommandBatch } from "../../stores/store.ts";

/** What can be held. */
type Verb = "read" | "topicBounds" | "topics" | "usage" | "open_session" | "extend";

/** A store in memory: while it is held, it does at once what it is asked, and answers once it is released. */
export class HeldStore extends MemoryStore {
  /** How often it was asked for messages. */
  reads = 0;
  readonly #verbs: readonly Verb[];
  #gate: PromiseWithResolvers<void> | undefined;
  /** Gates that are closed, and at which no more calls arrive. */
  readonly #passed: PromiseWithResolvers<void>[] = [];
  #onHeld: () => void = () => {};

  /** Makes an empty one that can hold these calls. */
  constructor(verbs: readonly Verb[], clock: Clock = systemClock) {
    super({ engine: nodeSqlite, retention: 600_000, clock });
    this.#verbs = verbs;
  }

  /** Holds all calls from now on. */
  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Resolves once the next call is held. */
  nextHeld(): Promise<void> {
    return new Promise((resolve) => this.#onHeld = resolve);
  }

  /** Holds nothing more; what is held by now stays held. */
  pass(): void {
    if (this.#gate) this.#passed.push(this.#gate);
    this.#gate = undefined;
  }

  /** Releases everything. */
  release(): void {
    this.pass();
    for (const gate of this.#passed.splice(0)) gate.resolve();
  }

  override read(...args: Parameters<MemoryStore["read"]>) {
    this.reads++;
    return this.#late("read", super.read(...args));
  }

  override topicBounds(...args: Parameters<MemoryStore["topicBounds"]>) {
    return this.#late("topicBounds", super.topicBounds(...args));
  }

  override topics(...args: Parameters<MemoryStore["topics"]>) {
    return this.#late("topics", super.topics(...args));
  }

  override usage() {
    return this.#late("usage", super.usage());
  }

  override apply<C extends Command>(batch: CommandBatch<C>) {
    const applied = super.apply(batch);
    const held = (["open_session", "extend"] as const).find((verb) =>
      batch.commands.some(({ type }) => type === verb)
    );
    return held ? this.#late(held, applied) : applied;
  }

  async #late<T>(verb: Verb, reply: Promise<T>): Promise<T> {
    const gate = this.#verbs.includes(verb) ? this.#gate : undefined;
    if (gate) this.#onHeld();
    const value = await reply;
    await gate?.promise;
    return value;
  }
}
