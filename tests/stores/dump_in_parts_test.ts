/**
 * Dumps of a whole store while what is due for very many jobs is done in parts: a replica that is restored between any two of them goes on
 * where it was.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Command } from "../../stores/commands.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { ClaimedJobs, GroupName, JobOutcome } from "../../stores/groups/group_commands.ts";
import { LostClaims } from "../../stores/groups/lost_claims.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { workPut } from "../../testing/store/group_support.ts";
import { numbered, put } from "../../testing/store/support.ts";
import { RestoredReplica } from "../support/restored_replica.ts";

const TOPIC: GroupName = { topic: "t", group: "g" };
const PREFIX: GroupName = { prefix: "", group: "p" };
const RETENTION = 60_000;
const DAY = 86_400_000;

/** A replica that goes on, and one that is restored before each batch. */
class ReplicaPair implements Disposable {
  readonly #one: RestoredReplica;
  readonly #other: RestoredReplica;
  time = 1_000_000;

  constructor(limits: Partial<StoreLimits> = {}) {
    const setting = { retention: RETENTION, limits };
    this.#one = new RestoredReplica(nodeSqlite, setting);
    this.#other = new RestoredReplica(nodeSqlite, setting);
  }

  /** Applies commands some milliseconds later; returns their results, and whether more is due. */
  apply(pass: number, ...commands: Command[]): { results: unknown[]; isBehind: boolean } {
    this.time += pass;
    this.#other.restore();
    const batch = { time: this.time, commands };
    const found = this.#one.apply([batch]);
    assertEquals(this.#other.apply([batch]), found);
    assertEquals(this.#other.dump(), this.#one.dump());
    const [results, , { isBehind }] = found as [unknown[], unknown, { isBehind: boolean }];
    return { results, isBehind };
  }

  /** Lets some milliseconds pass, and then does all that is due; returns in how many parts. */
  parts(pass: number): number {
    let parts = 1;
    for (; this.apply(parts === 1 ? pass : 0).isBehind; parts++) assert(parts < 1000);
    return parts;
  }

  /** Has a holder claim jobs; returns the claims. */
  claim(holder: string, count: number, name = TOPIC): number[] {
    const { results: [result] } = this.apply(0, {
      ...{ type: "claim", name, holders: [{ holder, count }], bytes: 1e9 },
    });
    return (result as ClaimedJobs).jobs[0]!.map(({ claim }) => claim);
  }

  open(holder: string, attempts: number, name = TOPIC): void {
    this.apply(0, {
      ...{ type: "open_holder", name, holder, attempts, holding: [] },
      ...{ lease: 1000, timeout: 600_000 },
    });
  }

  finish(claims: readonly number[], outcome: JobOutcome["outcome"]): void {
    const outcomes = claims.map((claim) => ({ claim, outcome, reason: `why ${claim}` }));
    this.apply(0, { type: "finish", name: TOPIC, done: [], outcomes });
  }

  /** How many expired messages are held for groups. */
  get held(): number {
    return this.#one.expired().length;
  }

  /** They are the same to who looks. */
  [Symbol.dispose](): void {
    assertEquals(this.#other.look(), this.#one.look());
    assertEquals(this.#other.expired(), this.#one.expired());
    this.#one[Symbol.dispose]();
    this.#other[Symbol.dispose]();
  }
}

function many(count: number, topic = "t"): Command[] {
  return Array.from({ length: count }, () => put(topic, ""));
}

Deno.test("between the parts in which very many leases end, a dump goes on with the next one", () => {
  using pair = new ReplicaPair();
  for (const holder of ["y", "x"]) pair.open(holder, 2);
  pair.apply(0, ...many(5000));
  const claims = pair.claim("x", 3000);
  assertEquals(pair.claim("y", 1990).length, 1990);
  // The first one is the last one that it has got.
  pair.finish(claims.slice(0, 1), "release");
  assertEquals(pair.claim("x", 1).length, 1);
  // It holds what it has, and takes no more.
  pair.apply(0, { type: "close_holder", name: TOPIC, holder: "y" });
  assertEquals(pair.claim("y", 1), []);
  assert(pair.parts(500) + pair.parts(500) >= 3);
  // Their second attempt is the last one.
  pair.open("z", 2);
  assertEquals(pair.claim("z", 5000).length, 5000);
  assert(pair.parts(500) + pair.parts(500) >= 3);
});

Deno.test("between the parts in which very many jobs come due, a dump goes on with the next one", () => {
  using pair = new ReplicaPair();
  pair.open("x", 2);
  const delayed = Array.from(
    { length: 18_000 },
    (_, i) => workPut("t", "", { delay: 1000 + i % 2, ...(i % 3 === 0 && { key: `${i % 5}` }) }),
  );
  pair.apply(0, ...delayed);
  while (pair.claim("x", 1).length > 0) assert(false, "all are delayed");
  for (let set = 0; set < 18_000; set += 4096) pair.claim("x", 1);
  // Some of them are gone, and count as due all the same.
  pair.apply(0, { type: "purge", topic: "t", before: { seq: 500 }, max: 1e6 });
  assert(pair.parts(1001) >= 2);
  assertEquals(pair.claim("x", 100).length, 100);
});

Deno.test("between the parts in which very many dead jobs are forgotten, a dump goes on with the next one", () => {
  using pair = new ReplicaPair();
  pair.open("x", 2);
  pair.apply(0, ...many(1500));
  const claims = pair.claim("x", 1500);
  // They have died in another order than that of their messages.
  pair.finish(claims.slice(700), "dead");
  pair.finish(claims.slice(0, 700).reverse(), "dead");
  for (let days = 1; days < 7; days++) pair.apply(DAY);
  assert(pair.parts(DAY) >= 3);
});

Deno.test("between the parts in which very many messages are held for groups, a dump goes on with the next one", () => {
  using pair = new ReplicaPair({ groupBytes: 300_000 });
  pair.open("x", 2);
  pair.open("x", 2, PREFIX);
  pair.apply(0, ...many(3000), ...many(2000, "u"));
  pair.claim("x", 1000);
  pair.claim("x", 100, PREFIX);
  pair.apply(RETENTION);
  const held = pair.held;
  for (let part = 0; part < 8; part++) pair.apply(0);
  assert(pair.held > held, `${held} at first, then ${pair.held}`);
});

Deno.test("between the parts in which what is left of groups is removed, a dump goes on with the next one", () => {
  using pair = new ReplicaPair();
  pair.open("x", 5);
  pair.open("x", 5, PREFIX);
  pair.apply(0, ...many(4000));
  const claims = pair.claim("x", 3500);
  pair.finish(claims.slice(0, 1500), "dead");
  pair.parts(RETENTION);
  pair.open("x", 5);
  const held = pair.claim("x", 1300);
  pair.claim("x", 1200, PREFIX);
  // All of its messages are held for the other one, too: it passes over them, in parts.
  pair.apply(0, { type: "delete_group", name: TOPIC });
  // Its claims are lost, whether or not it has come to them.
  pair.apply(0, { type: "create_group", name: TOPIC });
  pair.apply(0, { type: "finish", name: TOPIC, done: held.slice(0, 10), outcomes: [] });
  pair.apply(0, { type: "finish", name: TOPIC, done: held.slice(-10), outcomes: [] });
  assert(pair.parts(0) >= 3);
  pair.apply(0, { type: "delete_group", name: PREFIX });
  assert(pair.parts(0) >= 3);
});

Deno.test("between the parts in which expired sessions are freed, a dump goes on with the next one", () => {
  using pair = new ReplicaPair({ dedupRuns: 1000 });
  for (let i = 0; i < 900; i += 100) {
    pair.apply(1, ...Array.from({ length: 100 }, (_, j) => numbered(`s${i + j}`, 1)));
  }
  for (let part = 0; part < 5; part++) pair.apply(part === 0 ? 600_000 : 0, numbered("s899", 2));
});

Deno.test("when there are too many reasons, a dump goes on with the next one to forget", () => {
  using pair = new ReplicaPair();
  pair.open("x", 1);
  pair.apply(0, ...many(9));
  const claims = pair.claim("x", 9).reverse();
  const reason = "?".repeat(4 * 1024 * 1024);
  const die = (some: readonly number[]) =>
    pair.apply(0, {
      ...{ type: "finish", name: TOPIC, done: [] },
      outcomes: some.map((claim) => ({ claim, outcome: "dead", reason: reason + claim })),
    });
  die(claims.slice(0, 7));
  die(claims.slice(7, 8));
  die(claims.slice(8));
});

Deno.test("lost claims that are restored in their order are forgotten in their order", () => {
  const one = new LostClaims(7);
  // Not in ascending order: leases of older claims end later.
  for (let i = 0; i < 100_000; i++) one.add(8 + (i * 7) % 100_000);
  one.skip(200_000, 300_000);
  const other = new LostClaims(one.forgottenTo);
  for (const claim of one.remembered) other.restore(claim);
  for (const gap of one.gaps) other.restoreGap(gap);
  for (let i = 0; i < 1000; i++) {
    for (const claims of [one, other]) claims.add(400_000 + i);
    assertEquals(other.forgottenTo, one.forgottenTo);
  }
  assertEquals([...other.remembered], [...one.remembered]);
  for (const claim of [200_000, 200_001, 300_000, 300_001]) {
    assertEquals(other.has(claim), one.has(claim));
  }
});
