/**
 * Groups in a file that fails in any way while jobs are claimed, finished, retried and taken from their holders.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type {
  ClaimedJob,
  GroupCommand,
  JobOutcome,
} from "../../../stores/groups/group_commands.ts";
import { type Result, StoreError } from "../../../stores/store.ts";
import { stateOf, T, TIMEOUT, workPut } from "../../../testing/store/group_support.ts";
import { apply, put, RETENTION } from "../../../testing/store/support.ts";
import { type Random, seeded } from "../../../testing/seeded.ts";
import { FailingFile, type Failure } from "../../support/failing_file.ts";

const RUNS = 25;
const STEPS = 80;
/** So short that many end. */
const LEASE = 5000;
const HOLDERS = ["a", "b", "c"];
/** So many attempts that no job dies unless somebody says so. */
const ATTEMPTS = 1000;

/** What is known of a job from the answers. */
interface SeenJob {
  readonly key: string | undefined;
  /** Its last claim. */
  claim: number | undefined;
  /** `done` and `dead`: that was answered. `maybe`: that was asked for, and nobody knows. */
  end: "done" | "dead" | "maybe" | undefined;
}

class FailingRun {
  readonly #file: FailingFile;
  readonly #random: Random;
  readonly #jobs = new Map<number, SeenJob>();
  readonly #held = new Map<number, ClaimedJob>();
  /** Claims that may be finished. */
  readonly #unanswered = new Set<number>();
  failures = 0;

  constructor(file: FailingFile, random: Random) {
    this.#file = file;
    this.#random = random;
  }

  async run(): Promise<void> {
    for (const holder of HOLDERS) await this.#open(holder);
    for (let step = 0; step < STEPS; step++) {
      if (this.#random(3) === 0) this.#fail();
      await this.#step();
      if (this.#random(2) === 0) this.#file.repair();
      if (this.#random(15) === 0) await this.#file.restart();
    }
    await this.#drain();
  }

  /** Some statement fails from now on: before it is done or after, once or for a while. */
  #fail(): void {
    const random = this.#random;
    const failures: Failure[] = ["disk I/O error", "database or disk is full"];
    this.#file.repair();
    this.#file.failure = failures[random(2)]!;
    let [skip, left] = [random(25), 1 + random(3)];
    const isHit = () => skip-- <= 0 && left-- > 0;
    const kinds = [
      () => this.#file.before = isHit,
      () => this.#file.before = (sql) => sql === "COMMIT" && left-- > 0,
      () => {
        // What does not fit is never committed.
        this.#file.failure = "disk I/O error";
        this.#file.after = (sql) => sql === "COMMIT" && left-- > 0;
      },
      () => this.#file.before = (sql) => ["COMMIT", "ROLLBACK", "open"].includes(sql) && left-- > 0,
    ];
    kinds[random(kinds.length)]!();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const holder = HOLDERS[random(HOLDERS.length)]!;
    switch (random(8)) {
      case 0:
      case 1: {
        const key = random(2) === 0 ? `k${random(3)}` : undefined;
        const delay = random(4) === 0 ? 1 + random(2000) : undefined;
        const one = key || delay
          ? workPut("t", "x", { ...(key && { key }), ...(delay && { delay }) })
          : put("t");
        const [result] = await apply(this.#file.store, [one]);
        return this.#stored(result!, key);
      }
      case 2:
      case 3:
        return await this.#claim(holder);
      case 4:
      case 5:
        return await this.#finish();
      case 6:
        return void await this.#send({ type: "extend", name: T, holder, claims: [] });
      default:
        return await this.#pass([400, 1000, LEASE, RETENTION][random(4)]!);
    }
  }

  async #pass(ms: number): Promise<void> {
    const random = this.#random;
    const steps = ms === LEASE ? ms / 500 : 1;
    for (let i = 0; i < steps; i++) {
      this.#file.clock.advance(ms / steps);
      await this.#file.store.apply({ time: this.#file.store.now(), commands: [] });
    }
    if (random(3) === 0) await this.#file.store.trim(50).catch(() => {});
  }

  #stored(result: Result | StoreError, key: string | undefined): void {
    if (result instanceof StoreError) return;
    this.#jobs.set((result as { seq: number }).seq, { key, claim: undefined, end: undefined });
  }

  async #send<C extends GroupCommand>(command: C): Promise<Result<C> | undefined> {
    const [result] = await apply(this.#file.store, [command]);
    if (!(result instanceof StoreError)) return result as Result<C>;
    this.failures++;
    return undefined;
  }

  async #open(holder: string, holding: readonly number[] = []): Promise<void> {
    const terms = { lease: LEASE, timeout: TIMEOUT, attempts: ATTEMPTS, holding };
    const opened = await this.#send({ type: "open_holder", name: T, holder, ...terms });
    for (const job of opened?.jobs ?? []) this.#given(job);
  }

  async #claim(holder: string): Promise<void> {
    const holders = [{ holder, count: 1 + this.#random(3) }];
    const command = { type: "claim", name: T, holders, bytes: 1e6 } as const;
    // In one transaction with something that is put, or without.
    const putting = this.#random(2) === 0 && apply(this.#file.store, [put("t")]);
    const result = await this.#send(command);
    const [stored] = (await putting) || [];
    if (stored) this.#stored(stored, undefined);
    // As a server does: who does not know what it has got asks.
    if (!result || result.ended.length > 0) {
      return await this.#open(holder, [...this.#held.keys()]);
    }
    for (const job of result.jobs[0]!) this.#given(job);
  }

  #given(job: ClaimedJob): void {
    const { message: { seq }, claim } = job;
    // A put whose outcome nobody knew.
    const known = this.#jobs.get(seq) ?? { key: undefined, claim: undefined, end: undefined };
    this.#jobs.set(seq, known);
    assert(known.end !== "done" && known.end !== "dead", `${seq} is ${known.end}, and is given`);
    assert(claim > (known.claim ?? 0), `claim ${claim} of ${seq} comes after ${known.claim}`);
    known.claim = claim;
    known.end = undefined;
    this.#held.set(claim, job);
  }

  /** Finishes some of what was ever given, perhaps with a claim that is not valid any more. */
  async #finish(): Promise<void> {
    const claims = [...this.#held.keys()];
    if (claims.length === 0) return;
    const done: number[] = [];
    const outcomes: JobOutcome[] = [];
    for (let i = 0; i < 1 + this.#random(3); i++) {
      const claim = claims[this.#random(claims.length)]!;
      if (done.includes(claim) || outcomes.some((one) => one.claim === claim)) continue;
      const outcome = (["done", "done", "retry", "release", "dead"] as const)[this.#random(5)]!;
      if (outcome === "done") done.push(claim);
      else outcomes.push({ claim, outcome, delay: this.#random(2) * 1500 });
    }
    const result = await this.#send({ type: "finish", name: T, done, outcomes });
    const ends = [
      ...done.map((claim) => ({ claim, outcome: "done" as const })),
      ...outcomes,
    ];
    for (const { claim, outcome } of ends) {
      const known = this.#jobs.get(this.#held.get(claim)!.message.seq)!;
      const isLost = result?.lost.includes(claim);
      if (known.claim !== claim) {
        assert(
          !result || isLost || this.#unanswered.has(claim),
          `claim ${claim} is not valid: ${known.claim} is`,
        );
      }
      if (!isLost && known.claim === claim && (outcome === "done" || outcome === "dead")) {
        known.end = result && !this.#unanswered.has(claim) ? outcome : "maybe";
      }
      if (result) this.#held.delete(claim);
      else this.#unanswered.add(claim);
    }
  }

  /** The file works again: everything that is not done is worked now, and the counts are those of what happened. */
  async #drain(): Promise<void> {
    const file = this.#file;
    file.repair();
    await this.#pass(LEASE);
    await this.#pass(LEASE);
    await this.#open("last");
    let known = await stateOf(file.store);
    await file.restart();
    await apply(file.store, []);
    assertEquals(await stateOf(file.store), known, "a restart changes nothing");
    for (;;) {
      const claims = await this.#send({
        type: "claim",
        name: T,
        holders: [{ holder: "last", count: 100 }],
        bytes: 1e6,
      });
      const jobs = claims!.jobs[0]!;
      if (jobs.length === 0) break;
      for (const job of jobs) this.#given(job);
      const finished = await this.#send({
        type: "finish",
        name: T,
        done: jobs.map(({ claim }) => claim),
        outcomes: [],
      });
      assertEquals(finished, { lost: [], dead: [] });
      for (const { message: { seq } } of jobs) this.#jobs.get(seq)!.end = "done";
    }
    for (const [seq, { end }] of this.#jobs) assert(end !== undefined, `${seq} is forgotten`);
    known = await stateOf(file.store);
    assertEquals([known.depth, known.held], [0, 0]);
    const isEnd = (end: string) => [...this.#jobs.values()].filter((one) => one.end === end).length;
    const maybe = isEnd("maybe");
    for (const [count, end] of [[known.done, "done"], [known.dead, "dead"]] as const) {
      const [least, most] = [isEnd(end), isEnd(end) + maybe];
      assert(count >= least && count <= most, `${count} are ${end}, not ${least} to ${most}`);
    }
  }
}

Deno.test("whatever fails in a file with groups, no job is forgotten, has two valid claims, or counts twice", async () => {
  let failures = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    await using file = new FailingFile(undefined, { durability: "process" });
    const run = new FailingRun(file, seeded(seed));
    try {
      await run.run();
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
    failures += run.failures;
  }
  assert(failures > RUNS, `only ${failures} commands failed`);
});
