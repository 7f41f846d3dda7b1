/**
 * A store as servers of one log have it, whose fences and whose fate are in the hands of a test.
 *
 * @module
 */

import { type Clock, systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type PutAck, StoreError } from "../../stores/store.ts";

/** A store in memory. What a test stores here itself stands for what came from other servers. */
export class FencedStore extends MemoryStore {
  /** How many fences were asked for. */
  fences = 0;
  /** Does what a fence waits for. Default: nothing. */
  onFence: () => Promise<unknown> | void = () => {};
  #epoch: string | undefined;
  #onBehind: (reason: string | undefined) => void = () => {};
  #seq = 0;

  /** Makes an empty one. */
  constructor(clock: Clock = systemClock) {
    super({ engine: nodeSqlite, retention: 600_000, clock });
    const { epoch } = this;
    Object.defineProperty(this, "epoch", { get: () => this.#epoch ?? epoch });
  }

  async fence(): Promise<void> {
    this.fences++;
    await this.onFence();
  }

  watch(onBehind: (reason: string | undefined) => void): void {
    this.#onBehind = onBehind;
  }

  /** A message comes from another server. */
  async arrive(topic: string, text = `${++this.#seq}`): Promise<number> {
    const body = JSON.stringify(text);
    const bytes = new TextEncoder().encode(body).length;
    const put = { type: "put", topic, body, bytes } as const;
    const [result] = await this.apply({ time: this.now(), commands: [put] });
    if (result instanceof StoreError) throw result;
    return (result as PutAck).seq;
  }

  /** Loses touch with its log. */
  fallBehind(reason = "nothing was heard of the log"): void {
    this.#onBehind(reason);
  }

  /** Has caught up with its log, perhaps in another epoch. */
  async catchUp(epoch = this.epoch): Promise<void> {
    const { last } = await this.bounds();
    if (epoch !== this.epoch) this.epochEnds.set(this.epoch, last);
    this.#epoch = epoch;
    this.#onBehind(undefined);
  }
}

/** The error of a fence that takes too long. */
export function behindError(): StoreError {
  return new StoreError("Cannot read: the log does not answer", { code: "behind" });
}
