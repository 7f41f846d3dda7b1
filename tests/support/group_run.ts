/**
 * Runs a program with a store and with the model of it, and compares every answer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { ClaimedJob, GroupCommand } from "../../stores/groups/group_commands.ts";
import { type Command, type Result, type Store, StoreError } from "../../stores/store.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import type { GivenJob, ModelGroup } from "./model_group.ts";
import { GroupModel, nameText } from "./group_model.ts";
import type { GroupProgram, GroupTurn } from "./group_programs.ts";
import { commandOf } from "./group_steps.ts";

/** So many groups and dead jobs are listed. */
const ALL = 1000;

/** One run. */
export class GroupRun {
  readonly #program: GroupProgram;
  readonly #clock: ManualClock;
  readonly #open: () => Store;
  readonly #restarts: boolean;
  readonly #model: GroupModel;
  /** All that were ever given, the newest first. */
  readonly #claims: number[] = [];
  /** The groups of which somebody has a reason to claim jobs. */
  readonly #woken = new Set<string>();
  /** Those of which the store has told something with the last commands. */
  readonly #told = new Set<string>();
  #store!: Store;

  /**
   * Prepares a run.
   *
   * @param program what is done
   * @param clock the clock of the store
   * @param open opens the store; again, if it was closed
   * @param restarts whether it goes on then
   */
  constructor(program: GroupProgram, clock: ManualClock, open: () => Store, restarts: boolean) {
    this.#program = program;
    this.#clock = clock;
    this.#open = open;
    this.#restarts = restarts;
    this.#model = new GroupModel(program.setting);
  }

  /** Does all of it; throws at the first answer that is not that of the model. */
  async run(): Promise<void> {
    await this.#start();
    try {
      for (const [i, turn] of this.#program.turns.entries()) {
        await this.#do(turn).catch((cause) => {
          throw new Error(`turn ${i}: ${cause.message}`, { cause });
        });
      }
    } finally {
      await this.#store[Symbol.asyncDispose]();
    }
  }

  async #start(): Promise<void> {
    this.#store = this.#open();
    await this.#store.follow({
      stored: (messages) => {
        for (const group of this.#model.groups.values()) {
          const { name: { topic: own, prefix } } = group;
          const isNew = messages.some(({ topic }) =>
            prefix === undefined ? topic === own : topic.startsWith(prefix)
          );
          if (isNew) this.#told.add(nameText(group.name));
        }
      },
      lost: (error) => {
        throw error;
      },
      groups: (events) => {
        for (const { name, ready } of events) if (ready) this.#told.add(nameText(name));
      },
    });
  }

  async #do({ pass, steps, then }: GroupTurn): Promise<void> {
    this.#clock.advance(pass);
    const commands = steps.map((step) =>
      commandOf(step, this.#model, this.#claims, this.#clock.now())
    );
    const time = this.#store.now();
    this.#model.begin(time);
    const expected = commands.map((command) => this.#expect(command));
    const results = await this.#store.apply({ time, commands });
    for (const [i, result] of results.entries()) {
      assertEquals(shown(result), expected[i], `step ${i}: ${JSON.stringify(commands[i])}`);
      this.#learn(commands[i]!, result);
    }
    // It is told before the results are there, and may concern what came after a claim of these commands.
    for (const text of this.#told) this.#woken.add(text);
    this.#told.clear();
    await this.#check();
    switch (then) {
      case "trim":
        await this.#store.trim(50);
        break;
      case "trim a little":
        await this.#store.trim(0.01);
        break;
      case "read":
        await this.#store.read([{ prefix: "", after: 0, count: ALL, bytes: 1e9 }]);
        break;
      case "restart":
        if (this.#restarts) await this.#restart();
        break;
      case "nothing":
    }
  }

  async #restart(): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    await this.#start();
    this.#model.reopened();
    await this.#do({ pass: 0, steps: [], then: "nothing" });
  }

  /** What the model answers to a command. */
  #expect(command: Command): unknown {
    const model = this.#model;
    switch (command.type) {
      case "put":
        return model.put(command);
      case "purge":
        return { purged: model.purge(command), more: false };
      case "open_session":
      case "forget_session":
        throw new Error("no program has sessions");
      default:
        return this.#expectOf(command);
    }
  }

  #expectOf(command: GroupCommand): unknown {
    const model = this.#model;
    const known = model.find(command.name);
    const makes = command.type === "create_group" || command.type === "open_holder";
    const group = known ?? (makes ? model.create(command.name, command.after) : undefined);
    if (!group) {
      if (makes) return "limit_exceeded";
      return command.type === "delete_group" ? { deleted: false } : "not_found";
    }
    model.used(group);
    switch (command.type) {
      case "create_group":
        return { created: !known };
      case "delete_group":
        model.remove(group);
        return { deleted: true };
      case "open_holder":
        return group.open(command);
      case "close_holder":
        group.close(command.holder);
        return {};
      case "claim":
        return group.claim(command);
      case "finish":
        return group.finish(command);
      case "extend":
        return group.extend(command);
      case "redrive":
        return group.jobs.redrive(command);
    }
  }

  /** Remembers claims, and who has to ask again. */
  #learn(command: Command, result: Result | StoreError): void {
    if (result instanceof StoreError) return;
    if (command.type === "claim" && "jobs" in result && "ended" in result) {
      const text = nameText(command.name);
      for (const jobs of result.jobs) for (const { claim } of jobs) this.#claims.unshift(claim);
      if (result.more) this.#woken.add(text);
      else this.#woken.delete(text);
    }
    if (command.type === "open_holder" || command.type === "create_group") {
      this.#woken.add(nameText(command.name));
    }
  }

  /** Compares what can be seen of the groups. */
  async #check(): Promise<void> {
    const [store, model] = [this.#store, this.#model];
    const groups = await store.groups({ count: ALL });
    const texts = [...model.groups.keys()].sort();
    assertEquals(groups.map(({ name }) => nameText(name)).sort(), texts, "the groups");
    let due = Infinity;
    let holders = 0;
    for (const found of groups) {
      const group = model.find(found.name)!;
      const text = nameText(found.name);
      group.moveFrontier(found.frontier);
      assertEquals(found, group.described(), text);
      await this.#checkDead(group);
      for (const job of group.jobs.inState("delayed")) due = Math.min(due, job.due!);
      holders += group.holders.size;
      assert(!group.canBeClaimed || this.#woken.has(text), `${text}: somebody is told of a job`);
    }
    assertEquals(store.holdsJobs, holders > 0, "somebody holds jobs");
    const nextDue = store.nextDue ?? Infinity;
    // It may be that of a job that is gone.
    assert(nextDue <= due, `a job is due at ${due}, and the store says ${nextDue}`);
    assert(nextDue > model.now, `nothing is due now, and the store says ${nextDue}`);
  }

  async #checkDead(group: ModelGroup): Promise<void> {
    const { name } = group;
    const found = await this.#store.deadJobs({ name, after: 0, count: ALL, bytes: 1e9 });
    const shown = found.map(({ message: { seq }, attempt, at, reason }) => ({
      seq,
      attempt,
      at,
      reason,
    }));
    const expected = group.jobs.inState("dead").map(({ seq, attempt, at, reason }) => ({
      seq,
      attempt,
      at,
      reason,
    }));
    assertEquals(
      shown.map((job) => ({ ...job, reason: wordOf(job.reason) })),
      expected,
      `the dead jobs of ${nameText(name)}`,
    );
  }
}

/** The reasons that the store gives itself are in its own words. */
function wordOf(reason: string): string {
  if (reason.includes("lease ended")) return "lease";
  return reason.includes("in time") ? "time" : reason;
}

/** A result, in a form to compare. */
function shown(result: Result | StoreError): unknown {
  if (result instanceof StoreError) return result.code;
  if ("seq" in result) return result.seq;
  if ("purged" in result) return { purged: result.purged, more: result.more };
  if (!("jobs" in result)) return result;
  const short = ({ message: { seq }, claim, attempt }: ClaimedJob): GivenJob => ({
    seq,
    claim,
    attempt,
  });
  if ("ended" in result) return { ...result, jobs: result.jobs.map((jobs) => jobs.map(short)) };
  return { ...result, jobs: result.jobs.map(short) };
}
