/**
 * The jobs of a group of the model that are begun and not finished, and who has each key.
 *
 * @module
 */

import type { RedriveJobs, RedrivenJobs } from "../../stores/groups/group_commands.ts";
import type { GroupModel, JobMessage } from "./group_model.ts";

/** A job that is begun and not finished. */
export interface ModelJob {
  readonly seq: number;
  state: "blocked" | "delayed" | "ready" | "held" | "dead";
  attempt: number;
  /** The key that it has, or waits for. */
  key?: string | undefined;
  /** When it comes due. */
  due?: number;
  claim?: number;
  holder?: string;
  /** Since when it is held, by the clock of leases. */
  since?: number;
  /** When it died. */
  at?: number;
  reason?: string;
}

/** The jobs of a group. */
export class ModelJobs {
  readonly all: Map<number, ModelJob> = new Map();
  /** How often jobs have died. */
  died = 0;
  /** Who has each key. */
  readonly #owners = new Map<string, number>();
  readonly #model: GroupModel;

  constructor(model: GroupModel) {
    this.#model = model;
  }

  /** The jobs in a state, the oldest message first. */
  inState(state: ModelJob["state"]): ModelJob[] {
    return [...this.all.values()].filter((job) => job.state === state).sort(bySeq);
  }

  /** The jobs that somebody holds, in the order of their claims. */
  held(holder?: string): ModelJob[] {
    const held = this.inState("held").filter((job) => !holder || job.holder === holder);
    return held.sort((one, other) => one.claim! - other.claim!);
  }

  /** Whether nobody else has the key of a message. */
  isFree({ seq, topic, key }: JobMessage): boolean {
    return [undefined, seq].includes(this.#owners.get(keyText(topic, key)!));
  }

  begin(job: ModelJob, { topic, key }: JobMessage): boolean {
    job.key = keyText(topic, key);
    if (job.key === undefined) return true;
    const owner = this.#owners.get(job.key) ?? job.seq;
    this.#owners.set(job.key, owner);
    if (owner !== job.seq) Object.assign(job, { state: "blocked", attempt: 0 });
    return owner === job.seq;
  }

  giveBack(job: ModelJob, attempt: number, due?: number): void {
    if (!this.#model.available(job.seq)) return this.remove(job);
    Object.assign(job, { state: due === undefined ? "ready" : "delayed", attempt, due });
  }

  die(job: ModelJob, reason: string): void {
    if (!this.#model.available(job.seq)) return this.remove(job);
    this.died++;
    Object.assign(job, { state: "dead", at: this.#model.now, reason });
    this.#freeKey(job);
  }

  remove(job: ModelJob): void {
    this.all.delete(job.seq);
    this.#freeKey(job);
    this.#model.release(job.seq);
  }

  drop(job: ModelJob): void {
    this.all.delete(job.seq);
    this.#freeKey(job);
  }

  redrive({ seq, after = 0, diedBy = Infinity, max }: RedriveJobs): RedrivenJobs {
    const from = seq === undefined ? after : seq - 1;
    const all = this.inState("dead").filter((job) =>
      (seq === undefined ? job.seq > after : job.seq === seq) && job.at! <= diedBy
    );
    const dead = all.slice(0, max);
    for (const job of dead) Object.assign(job, { state: "ready", attempt: 0, key: undefined });
    const through = dead.at(-1)?.seq ?? from;
    return { redriven: dead.length, through, more: all.length > dead.length };
  }

  /** Jobs whose messages are gone are not worked; but what is held stays with its holder. */
  dropGone(): void {
    for (const job of [...this.all.values()].sort(bySeq)) {
      if (job.state !== "held" && !this.#model.available(job.seq)) this.drop(job);
    }
  }

  #freeKey({ seq, key }: ModelJob): void {
    if (key === undefined || this.#owners.get(key) !== seq) return;
    this.#owners.delete(key);
    const next = this.inState("blocked").find((job) => job.key === key);
    if (!next) return;
    this.#owners.set(key, next.seq);
    next.state = "ready";
  }
}

/** Orders by the numbers of messages. */
export function bySeq(one: { readonly seq: number }, other: { readonly seq: number }): number {
  return one.seq - other.seq;
}

function keyText(topic: string, key: string | undefined): string | undefined {
  return key === undefined ? undefined : `${topic}\n${key}`;
}
