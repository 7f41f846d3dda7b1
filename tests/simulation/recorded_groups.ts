/**
 * Records what a store does to the jobs of groups.
 *
 * @module
 */

import { type Command, type CommandBatch, type Store, StoreError } from "../../stores/store.ts";
import type {
  ClaimJobs,
  ExtendLease,
  FinishJobs,
  GroupName,
  GroupResult,
  OpenedHolder,
  OpenHolder,
} from "../../stores/groups/group_commands.ts";
import type { GroupPlan, History } from "./history.ts";
import type { Process } from "./process.ts";

/** The clock of leases advances at most so much at a time, in milliseconds: who was stopped takes no job away. */
const MAX_STEP = 500;

/** What belongs to each entry. */
interface Change {
  readonly opening: number;
  readonly name: GroupPlan;
  readonly clock: number;
}

/**
 * Records it from now on, until the process of the store dies.
 *
 * @param store the store, before anybody else uses it
 * @param process its process
 * @param history where to record it
 * @param opening which opening it is
 * @returns tells the clock by which its leases end, in milliseconds since it was opened
 */
export function recordGroups(
  store: Store,
  process: Process,
  history: History,
  opening: number,
): () => number {
  const recorder = new GroupRecorder(history, opening);
  const apply = store.apply.bind(store);
  store.apply = async <C extends Command>(batch: CommandBatch<C>) => {
    // The list is the caller's again once it is applied.
    const commands = [...batch.commands];
    const results = await apply(batch);
    if (process.isDead) return results;
    recorder.advance(batch.time);
    commands.forEach((command: Command, i) => {
      const result = results[i];
      if (!(result instanceof StoreError)) recorder.record(command, result as GroupResult);
    });
    return results;
  };
  return () => recorder.clock;
}

/** Records the commands of groups that a store applies, and the clock of leases. */
export class GroupRecorder {
  readonly #history: History;
  readonly #opening: number;
  /** The clock of leases, in milliseconds since the store was opened. */
  clock = 0;
  #time: number | undefined;
  /** The last opening of each holder: what others do in its name counts for nothing. */
  readonly #openings = new Map<string, number | undefined>();
  /** Holders that take no more jobs. */
  readonly #closed = new Set<string>();
  /** To whom claims were given. */
  readonly #holders = new Map<number, string>();

  /** Records those of an opening. */
  constructor(history: History, opening: number) {
    this.#history = history;
    this.#opening = opening;
  }

  /** Commands were applied at a time of the store. */
  advance(time: number): void {
    const before = this.#time ?? time;
    this.#time = Math.max(before, time);
    this.clock += Math.min(MAX_STEP, Math.floor(this.#time) - Math.floor(before));
  }

  /** A command was applied. */
  record(command: Command, result: GroupResult): void {
    if (!("name" in command)) return;
    const change = { opening: this.#opening, name: planOf(command.name), clock: this.clock };
    switch (command.type) {
      case "open_holder":
        return this.#holder(command, result as OpenedHolder, change);
      case "close_holder":
        if (!this.#isLast(command)) return;
        this.#closed.add(command.holder);
        return this.#history.add({ kind: "holder_closed", ...change, holder: command.holder });
      case "claim":
        return this.#claims(command, result as GroupResult<ClaimJobs>, change);
      case "finish":
        return this.#finished(command, result as GroupResult<FinishJobs>, change);
      case "extend":
        return this.#extended(command, result as GroupResult<ExtendLease>, change);
    }
  }

  #extended(
    { holder, claims }: ExtendLease,
    { lost, ended }: GroupResult<ExtendLease>,
    change: Change,
  ): void {
    if (ended) this.#history.add({ kind: "holder_ended", ...change, holder: holder! });
    const named = ended ? undefined : holder;
    this.#history.add({ kind: "extended", ...change, holder: named, claims: [...claims], lost });
  }

  /** Whether something is done by whoever has opened a holder last. */
  #isLast({ holder, opening }: Pick<OpenHolder, "holder" | "opening">): boolean {
    return opening === undefined || this.#openings.get(holder) === opening;
  }

  #holder(command: OpenHolder, { jobs }: OpenedHolder, change: Change): void {
    const { holder, lease, timeout, attempts, after, holding } = command;
    const knows = [...holding, ...jobs.map(({ claim }) => claim)];
    this.#openings.set(holder, command.opening);
    this.#closed.delete(holder);
    this.#history.add({
      kind: "holder",
      ...change,
      holder,
      lease,
      timeout,
      attempts,
      after,
      knows,
    });
  }

  #claims({ holders }: ClaimJobs, { jobs, ended }: GroupResult<ClaimJobs>, change: Change): void {
    for (const i of ended) {
      if (!this.#isLast(holders[i]!) || this.#closed.has(holders[i]!.holder)) continue;
      this.#history.add({ kind: "holder_ended", ...change, holder: holders[i]!.holder });
    }
    const claimed = jobs.flatMap((list, i) =>
      list.map(({ claim, attempt, message: { seq } }) => {
        return {
          kind: "claimed" as const,
          ...change,
          holder: holders[i]!.holder,
          claim,
          seq,
          attempt,
        };
      })
    );
    for (const entry of claimed.sort((a, b) => a.claim - b.claim)) {
      this.#holders.set(entry.claim, entry.holder);
      this.#history.add(entry);
    }
  }

  #finished(
    { done, outcomes }: FinishJobs,
    { lost, dead }: GroupResult<FinishJobs>,
    change: Change,
  ) {
    const all = [
      ...done.map((claim) => ({ claim, outcome: "done" as const })),
      ...outcomes.filter(({ claim, opening }) =>
        this.#isLast({ holder: this.#holders.get(claim) ?? "", opening })
      ),
    ];
    for (const { claim, outcome: asked } of all) {
      const outcome = lost.includes(claim) ? "lost" : dead.includes(claim) ? "dead" : asked;
      this.#history.add({ kind: "finished", ...change, claim, outcome });
    }
  }
}

function planOf({ topic, prefix, group }: GroupName): GroupPlan {
  return { topic: topic ?? prefix!, isPrefix: topic === undefined, group };
}
