import { assert, assertEquals } from "@std/assert";
import { type Put, type Result, StoreError } from "../../../stores/store.ts";
import { type Random, seeded } from "../../../testing/seeded.ts";
import { numbered } from "../../../testing/store/support.ts";
import { drawLogFaults, NO_FAULTS } from "../../support/faulty_record_log.ts";
import { type ReplicatedServer, ReplicatedServers } from "../../support/replicated_servers.ts";
import { contentsOf } from "../../support/store_contents.ts";

/** How long anything takes at most on a faulty log, in milliseconds. */
const MAX_DELAY = 60;

/** For how long commands wait for the log, in milliseconds; and how much later they may end. */
const TIMEOUT = 4500;
const LATE = 20;

const SEEDS = 10;
const STEPS = 150;
const TOPICS = ["a", "b", "c"];

/** A put, and what was said of it. */
interface Call {
  readonly put: Put;
  readonly at: number;
  endedAt: number;
  outcome: Result<Put> | StoreError | undefined;
}

/** Puts texts at one server after another, each of them once. */
class Writers {
  readonly calls: Call[] = [];
  readonly #servers: ReplicatedServers;
  readonly #random: Random;
  readonly #numbers = new Map<string, number>();

  constructor(servers: ReplicatedServers, random: Random) {
    this.#servers = servers;
    this.#random = random;
  }

  get sessions(): string[] {
    return [...this.#numbers.keys()];
  }

  /** Puts some at a server, in a session of that server. */
  async put({ store }: ReplicatedServer, session: string, topics: readonly string[]) {
    const { clock } = this.#servers;
    let n = this.#numbers.get(session) ?? 0;
    const puts = topics.map((topic) => this.#put(session, ++n, topic));
    this.#numbers.set(session, n);
    const at = clock.monotonic();
    const calls: Call[] = puts.map((put) => ({ put, at, endedAt: NaN, outcome: undefined }));
    this.calls.push(...calls);
    const results = await store.apply({ time: store.now(), commands: puts });
    calls.forEach((call, i) => {
      call.outcome = results[i]!;
      call.endedAt = clock.monotonic();
    });
  }

  /** Some are so large that few of them have room in one record. */
  #put(session: string, n: number, topic: string): Put {
    const length = this.#random(6) === 0 ? this.#random(100_000) : this.#random(100);
    return numbered(session, n, topic, `${session} ${n} ${"x".repeat(length)}`);
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  Deno.test(`servers on a faulty log come to the same, and say only what is true: seed ${seed}`, async () => {
    const random = seeded(seed);
    await using servers = new ReplicatedServers();
    const all = await servers.openAll(2 + random(2));
    const writers = new Writers(servers, random);
    const pending: Promise<void>[] = [];
    for (const { log } of all) log.faults = drawLogFaults(random, MAX_DELAY);
    for (let step = 0; step < STEPS; step++) {
      const which = random(all.length);
      const server = all[which]!;
      const topics = Array.from(
        { length: random(random(6) === 0 ? 100 : 4) },
        () => TOPICS[random(3)]!,
      );
      pending.push(writers.put(server, `session ${which}`, topics));
      if (random(6) === 0) server.log.endTails();
      if (random(16) === 0) server.log.isCut = true;
      if (random(10) === 0) { for (const { log } of all) log.isCut = false; }
      if (random(8) === 0) pending.push(server.store.trim(random(2)).then(() => {}));
      if (random(3) > 0) await servers.pass(random(random(12) === 0 ? 3000 : 50));
    }
    for (const { log } of all) [log.isCut, log.faults] = [false, NO_FAULTS];
    await servers.during(Promise.all(pending));
    await servers.pass(1000);
    for (const { store } of all) await servers.during(store.fence());

    const names = { topics: TOPICS, sessions: writers.sessions };
    const [contents, ...others] = await Promise.all(
      all.map(({ store }) => contentsOf(store, names)),
    );
    for (const other of others) assertEquals(other, contents);
    for (const [position, digests] of servers.saidDigests()) {
      assertEquals(digests.size, 1, `the digests of ${position}`);
    }
    const [page] = await all[0]!.store.read([{ prefix: "", after: 0, count: 1e6, bytes: 2 ** 40 }]);
    const stored = new Map<string, number>();
    const last = new Map<string, number>();
    for (const { body, seq } of page!.messages) {
      assert(!stored.has(body), `${body} is stored twice`);
      stored.set(body, seq);
      const [, session, n] = /^"(.*) (\d+) x*"$/.exec(body)!;
      assert(Number(n) > (last.get(session!) ?? 0), `${body} is out of order`);
      last.set(session!, Number(n));
    }
    for (const { put, at, endedAt, outcome } of writers.calls) {
      const seq = stored.get(put.body);
      assert(endedAt - at <= TIMEOUT + LATE, `${put.body} took ${endedAt - at} ms`);
      if (!(outcome instanceof StoreError)) assertEquals(outcome!.seq, seq);
      else if (outcome.code !== "unknown_outcome") assertEquals(seq, undefined, outcome.message);
    }
    const acknowledged = writers.calls.filter(({ outcome }) => !(outcome instanceof StoreError));
    assert(
      acknowledged.length > writers.calls.length / 2,
      `${acknowledged.length} of ${writers.calls.length}`,
    );
    assert(servers.shared.last < 10 * STEPS, `${servers.shared.last} records`);
  });
}
