/**
 * A model of a store with groups: every message that was ever stored, as a list, and what each group has to do with it.
 *
 * @module
 */

import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import type { Purge, Put } from "../../stores/commands.ts";
import type { GroupName } from "../../stores/groups/group_commands.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { ModelGroup } from "./model_group.ts";

/** A message of the model. */
export interface JobMessage {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly bytes: number;
  readonly body: string;
  readonly key: string | undefined;
  readonly delay: number;
  isPurged: boolean;
}

/** How a run is set up. */
export interface GroupSetting {
  readonly retention: number;
  readonly limits:
    & Pick<StoreLimits, "storedBytes" | "overflow" | "groups" | "unfinished">
    & Pick<StoreLimits, "groupBytes" | "groupRetention">;
}

/** For how long dead jobs are kept: seven days. */
const DEAD_RETENTION = 604_800_000;

/** The text that names a group. */
export function nameText({ topic, prefix, group }: GroupName): string {
  return `${prefix === undefined ? "topic" : "prefix"} ${topic ?? prefix} ${group}`;
}

/** A store with groups. */
export class GroupModel {
  readonly setting: GroupSetting;
  readonly messages: JobMessage[] = [];
  readonly groups: Map<string, ModelGroup> = new Map();
  /** Expired messages that groups have not finished. */
  readonly expired: Set<number> = new Set();
  readonly lost: Set<number> = new Set();
  now = 0;
  floor = 0;
  /** What has expired up to here was looked at. */
  through = 0;
  /** The clock of leases. */
  clock = 0;
  /** The clock by which groups are deleted. */
  idleClock = 0;
  claim = 0;
  #clockAt: number | undefined;
  /** Claims up to here count as lost; `undefined`: there never was a group. */
  #forgottenTo: number | undefined;
  #cleanAt = 0;
  readonly #deleted = new Map<string, { readonly frontier: number; readonly until: number }>();

  constructor(setting: GroupSetting) {
    this.setting = setting;
  }

  get last(): number {
    return this.messages.length;
  }

  /** Everything that is due by a time happens. */
  begin(time: number): void {
    const { retention } = this.setting;
    this.now = Math.max(this.now, time);
    for (const { seq, time } of this.messages) {
      if (time + retention <= this.now) this.floor = Math.max(this.floor, seq);
    }
    if (this.#forgottenTo === undefined) return;
    const passed = this.now - (this.#clockAt ?? this.now);
    this.clock += Math.min(500, passed);
    this.idleClock += Math.min(60_000, passed);
    this.#clockAt = this.now;
    for (const group of this.groups.values()) group.comeDue();
    for (const group of this.groups.values()) group.endLeases();
    if (this.groups.size === 0) return;
    if (this.idleClock >= this.#cleanAt) this.#clean();
    this.#keep();
  }

  /** Whether a claim that nobody holds is lost: its outcome counts for nothing. */
  isLost(claim: number): boolean {
    const isHeld = [...this.groups.values()].some(({ jobs }) =>
      jobs.held().some((job) => job.claim === claim)
    );
    return isHeld || claim > this.claim || claim <= this.#forgottenTo! || this.lost.has(claim);
  }

  /** A message, if a group can have it. */
  available(seq: number): JobMessage | undefined {
    const message = this.messages[seq - 1];
    if (!message || message.isPurged) return undefined;
    return seq > this.through || this.expired.has(seq) ? message : undefined;
  }

  /** The group of a name. */
  find(name: GroupName): ModelGroup | undefined {
    return this.groups.get(nameText(name));
  }

  /** A command of groups is applied. */
  used(group: ModelGroup): void {
    group.usedAt = this.idleClock;
  }

  /** Makes a group, unless there are too many. */
  create(name: GroupName, after: number | undefined): ModelGroup | undefined {
    if (this.#forgottenTo === undefined) this.#forgottenTo = this.claim = this.now * 1000;
    if (this.groups.size >= this.setting.limits.groups) return undefined;
    const key = nameText(name);
    const known = this.#deleted.get(key);
    this.#deleted.delete(key);
    if (this.groups.size === 0) this.through = this.floor;
    const frontier = known && known.until > this.idleClock ? known.frontier : undefined;
    const from = after ?? frontier ?? this.floor;
    const group = new ModelGroup(
      this,
      name,
      Math.max(this.floor, Math.min(from, this.last)),
    );
    this.groups.set(key, group);
    return group;
  }

  /** Removes a group: what it holds is lost. */
  remove(group: ModelGroup): void {
    this.groups.delete(nameText(group.name));
    for (const { claim } of group.jobs.held()) this.lost.add(claim!);
    for (const seq of [...this.expired]) this.release(seq);
  }

  /** A group may have no use for a message any more. */
  release(seq: number): void {
    if (!this.isNeeded(seq)) this.expired.delete(seq);
  }

  isNeeded(seq: number): boolean {
    return [...this.groups.values()].some((group) => group.needs(seq));
  }

  /** Stores a message, or says why not. */
  put({ topic, bytes, body, attributes }: Put): number | string {
    const { storedBytes, overflow } = this.setting.limits;
    const size = sizeOf({ topic, bytes });
    const live = this.messages.filter(({ seq, isPurged }) => seq > this.floor && !isPurged);
    let surplus = live.reduce((sum, one) => sum + sizeOf(one), size) - storedBytes;
    if (size > storedBytes || (overflow === "reject" && surplus > 0)) return "full";
    for (const one of live) {
      if (surplus <= 0) break;
      this.floor = one.seq;
      surplus -= sizeOf(one);
    }
    const { key, delay = 0 } = JSON.parse(attributes ?? "{}") as { key?: string; delay?: number };
    const [seq, time] = [this.last + 1, this.now];
    this.messages.push({ seq, topic, time, bytes, body, key, delay, isPurged: false });
    return seq;
  }

  /** Purges a topic: how many readable messages go. */
  purge({ topic, before }: Purge): number {
    const goes = ({ seq, time }: JobMessage) =>
      before === undefined || ("seq" in before ? seq < before.seq : time < before.time);
    let purged = 0;
    for (const message of this.messages) {
      if (message.topic !== topic || message.isPurged || !goes(message)) continue;
      if (message.seq > this.floor) purged++;
      message.isPurged = true;
      this.expired.delete(message.seq);
    }
    for (const group of this.groups.values()) group.jobs.dropGone();
    return purged;
  }

  /** The file was closed and opened again. */
  reopened(): void {
    this.#clockAt = undefined;
    this.#cleanAt = 0;
    for (const group of this.groups.values()) group.reopened();
  }

  #clean(): void {
    this.#cleanAt = this.idleClock + 1000;
    const { groupRetention, groups } = this.setting.limits;
    for (const [key, group] of [...this.groups]) {
      for (const job of group.jobs.inState("dead")) {
        if (job.at! <= this.now - DEAD_RETENTION) group.jobs.remove(job);
      }
      if (this.idleClock - group.usedAt < groupRetention || group.holders.size > 0) continue;
      this.#deleted.delete(key);
      this.#deleted.set(key, { frontier: group.frontier, until: this.idleClock + groupRetention });
      if (this.#deleted.size > groups) this.#deleted.delete([...this.#deleted.keys()][0]!);
      this.remove(group);
    }
    for (const [key, { until }] of this.#deleted) {
      if (until <= this.idleClock) this.#deleted.delete(key);
    }
  }

  /** What expires and is needed is kept, up to a limit of bytes. */
  #keep(): void {
    if (this.groups.size === 0) return;
    for (let seq = this.through + 1; seq <= this.floor; seq++) {
      if (!this.messages[seq - 1]!.isPurged && this.isNeeded(seq)) this.expired.add(seq);
    }
    this.through = Math.max(this.through, this.floor);
    const bytes = () =>
      [...this.expired].reduce((sum, seq) => sum + sizeOf(this.messages[seq - 1]!), 0);
    while (bytes() > this.setting.limits.groupBytes) {
      const oldest = Math.min(...this.expired);
      this.expired.delete(oldest);
      for (const group of this.groups.values()) group.giveUp(oldest);
    }
  }
}

function sizeOf({ topic, bytes }: Pick<JobMessage, "topic" | "bytes">): number {
  return bytes + new TextEncoder().encode(topic).length + MESSAGE_OVERHEAD;
}
