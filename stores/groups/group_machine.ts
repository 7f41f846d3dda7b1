/**
 * What commands, and the time, do to the groups of a store.
 *
 * @module
 */

import type { MessageLog } from "../message_log.ts";
import type { TopicMessage } from "../queries.ts";
import { StoreError } from "../store.ts";
import { claimJobs } from "./claim_jobs.ts";
import { comeDue, endLeases, forgetDead, hasLongDead, idleGroups } from "./due_work.ts";
import type { GroupCommand, GroupEvent, GroupName, GroupResult } from "./group_commands.ts";
import { groupNotFound, tooManyToOpen } from "./group_errors.ts";
import { groupKey } from "./group_registry.ts";
import {
  CLAIMS_PER_MS,
  type GroupLimits,
  type GroupState,
  type SavedGroupState,
} from "./group_state.ts";
import { openHolder } from "./open_holder.ts";
import type { WorkGroup } from "./work_group.ts";

/** How often it is looked for what is over for long, in milliseconds. */
const CLEAN_EVERY = 1000;

/** Keeps groups. Until there is one it costs nothing. */
export class GroupMachine {
  readonly #log: MessageLog;
  readonly #limits: GroupLimits;
  /** Makes what groups share. */
  readonly makeState: (saved: SavedGroupState) => GroupState;
  #state: GroupState | undefined;
  #removed: GroupEvent[] = [];
  /** Something may have changed since the last commit. */
  #isDirty = false;
  #isBehind = false;

  /**
   * Begins without groups.
   *
   * @param log the messages
   * @param limits how much groups may take
   * @param makeState makes what groups share, once it is needed
   */
  constructor(
    log: MessageLog,
    limits: GroupLimits,
    makeState: (saved: SavedGroupState) => GroupState,
  ) {
    this.#log = log;
    this.#limits = limits;
    this.makeState = makeState;
  }

  /** The groups, if there ever were any. */
  get state(): GroupState | undefined {
    return this.#state;
  }

  /** Goes on with the groups that a file has. */
  load(state: GroupState | undefined): void {
    if (state && this.#state) state.cleanAt = this.#state.cleanAt;
    this.resume(state);
    // What has become ready may not have been told.
    for (const group of state?.registry.all ?? []) group.news.ready = true;
  }

  /** Goes on with groups exactly where they were when they were dumped. */
  resume(state: GroupState | undefined): void {
    this.#state = state;
    this.#isDirty = this.#isBehind = false;
    this.#removed = [];
    const needs = state !== undefined && state.registry.size > 0;
    this.#log.neededAfter = needs ? state.expired.through : Infinity;
  }

  /** What has changed is final. */
  committed(): void {
    this.#isDirty = false;
  }

  /** A transaction was undone. Returns whether the groups have to be loaded again. */
  rolledBack(): boolean {
    // What was counted, or looked at, may have been undone.
    this.#state?.registry.forgetCounts();
    this.#isBehind = false;
    return this.#isDirty;
  }

  /** Whether somebody holds a job, or may: then time has to pass for leases to end. */
  get holdsJobs(): boolean {
    return this.#state !== undefined && this.#state.holders > 0;
  }

  /** When the next delayed job comes due. */
  get nextDue(): number | undefined {
    const due = this.#state?.nextDue ?? Infinity;
    return due === Infinity ? undefined : due;
  }

  /** More was due than the last batch has done. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /**
   * Has happen what is due by a time: all of it, unless that takes long.
   *
   * @param now the time
   * @param commands how many commands come next
   */
  begin(now: number, commands: number): void {
    const state = this.#state;
    this.#isBehind = false;
    if (!state) return;
    state.clock.advance(now);
    state.idleClock.advance(now);
    if (!state.remains.isEmpty) this.#removeRemains(state);
    if (state.registry.size === 0) return;
    if (now >= state.nextDue && comeDue(state, now)) this.#isBehind = true;
    if (state.clock.now >= state.nextEnd) {
      this.#isDirty = true;
      if (endLeases(state, now)) this.#onPart();
    }
    if (state.idleClock.now >= state.cleanAt) this.#clean(state, now);
    if (!state.keeper.isBehind) return;
    this.#isDirty = true;
    state.keeper.keep(commands);
  }

  /** Applies a command. */
  apply(command: GroupCommand, now: number): GroupResult | StoreError {
    const { name } = command;
    this.#isDirty = true;
    const known = this.#state?.registry.find(name);
    if (known) return this.#applyTo(known, command, now);
    switch (command.type) {
      case "create_group":
      case "open_holder": {
        const made = this.#create(name, command.after, now);
        if (made instanceof StoreError) return made;
        const result = this.#applyTo(made, command, now);
        return command.type === "create_group" ? { created: true } : result;
      }
      case "delete_group":
        return { deleted: false };
      default:
        return groupNotFound(name);
    }
  }

  #applyTo(group: WorkGroup, command: GroupCommand, now: number): GroupResult | StoreError {
    const state = this.#state!;
    state.recorder?.group(group);
    group.usedAt = state.idleClock.now;
    switch (command.type) {
      case "create_group":
        return { created: false };
      case "open_holder":
        return openHolder(group, state, command);
      case "close_holder":
        group.close(command.holder, command.opening);
        return {};
      case "claim":
        state.advanceClaims(now);
        return claimJobs(group, state, command, now);
      case "finish":
        return group.finish(command, now);
      case "extend":
        return group.extend(command);
      case "redrive":
        return group.redrive(command);
      case "delete_group":
        this.#remove(state, group, false);
        this.#removeRemains(state);
        return { deleted: true };
      default:
        return command satisfies never;
    }
  }

  /** Counts messages that were stored, from an index on. */
  stored(messages: readonly TopicMessage[], from: number): void {
    const state = this.#state;
    if (state && state.registry.size > 0) state.registry.count(messages, from);
  }

  /** The last message that was stored at a time or before, also of those that have expired and that groups need. */
  lastStoredBy(time: number): number {
    const { range } = this.#log;
    const state = this.#state;
    if (!state || state.registry.size === 0) return range.lastStoredBy(time);
    const { through } = state.expired;
    const last = range.lastStoredBy(time, through);
    return last > through ? last : state.expired.lastStoredBy(time);
  }

  /**
   * A topic was purged: its groups do not work on what is gone.
   *
   * @param topic the topic
   * @param upTo the last message that goes
   * @param max at most about this many are deleted; 0: others go first, and jobs without a message only then
   * @returns whether there are more
   */
  purged(topic: string, upTo: number, max: number): boolean {
    const state = this.#state;
    // What a deleted group has kept goes, too.
    if (!state || (state.registry.size === 0 && state.remains.isEmpty)) return false;
    state.registry.recount(topic);
    if (max === 0) return true;
    this.#isDirty = true;
    const page = state.expired.seqs({ topic }, 0, upTo, max);
    if (page.length > 0) {
      this.#log.transaction(() => {
        for (const { seq } of page) state.expired.delete(seq);
      });
    }
    let left = max - page.length;
    for (const { groups } of state.registry.matching(topic)) {
      for (const group of groups) {
        if (left === 0) return true;
        left -= group.dropPurged(upTo, left);
        state.recorder?.group(group);
      }
    }
    return left === 0;
  }

  /** What has happened to groups since the last call. */
  takeEvents(): readonly GroupEvent[] {
    const state = this.#state;
    if (!state || (state.touched.size === 0 && this.#removed.length === 0)) return [];
    const events = this.#removed.splice(0);
    for (const group of state.touched) {
      const news = group.takeNews();
      if (news) events.push({ name: group.name, ...news, deleted: false, abandoned: false });
    }
    state.touched.clear();
    return events;
  }

  /** A part of what is due is done: it is written down at once, so that not all of it comes together in a later commit. */
  #onPart(): void {
    this.#log.transaction(() => {});
    this.#isBehind = true;
  }

  #create(name: GroupName, after: number | undefined, now: number): WorkGroup | StoreError {
    const { range } = this.#log;
    const [claim, through] = [now * CLAIMS_PER_MS, range.floor];
    const state = this.#state ??= this.makeState({ claim, forgottenTo: claim, through, clock: 0 });
    const { groups } = this.#limits;
    if (state.registry.size >= groups) return tooManyToOpen(`${groups} groups are there`, groups);
    const key = groupKey(name);
    const known = state.deleted.get(key);
    if (known) state.forget(key, known);
    const isRemembered = known && known.until > state.idleClock.now;
    const from = after ?? (isRemembered ? known.frontier : range.floor);
    return state.add(name, Math.max(range.floor, Math.min(from, range.last)));
  }

  #remove(state: GroupState, group: WorkGroup, abandoned: boolean): void {
    state.remove(group);
    const news = group.takeNews() ?? { ready: false, dead: 0, givenUp: 0 };
    this.#removed.push({ name: group.name, ...news, deleted: true, abandoned });
  }

  /** Removes a part of what is left of deleted groups. */
  #removeRemains(state: GroupState): void {
    this.#isDirty = true;
    state.removeRemains();
    this.#isBehind ||= !state.remains.isEmpty;
  }

  /** Forgets what is over for long, at once: dead jobs, and groups on which nobody works. */
  #clean(state: GroupState, now: number): void {
    const idle = idleGroups(state);
    let isDone = true;
    if (idle.length > 0 || hasLongDead(state, now)) {
      this.#isDirty = true;
      this.#log.transaction(() => {
        isDone = !forgetDead(state, now);
        for (const group of idle) {
          state.remember(group);
          this.#remove(state, group, true);
        }
        this.#removeRemains(state);
      });
    }
    if (isDone) state.cleanAt = state.idleClock.now + CLEAN_EVERY;
    else this.#isBehind = true;
    for (const [key, one] of state.deleted) {
      if (one.until > state.idleClock.now) break;
      state.forget(key, one);
    }
  }
}
