/**
 * The memory that things take, and the size that is counted for them: prints both in bytes, by name. V8 needs
 * `--expose-gc`.
 *
 * @module
 */

import { getHeapSpaceStatistics } from "node:v8";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { Backlog } from "../../connection/backlog.ts";
import { ConnectionBudgets, SharedBudgets } from "../../budgets/shared_budgets.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { GoneMap } from "../../stores/gone_map.ts";
import { DedupIndex } from "../../stores/dedup_index.ts";
import { RUN_BYTES } from "../../stores/store_limits.ts";
import { SegmentTable } from "../../stores/segment_table.ts";
import { TopicTable } from "../../stores/topic_table.ts";
import { FRAMES } from "../faults/costly_frames_list.ts";

/** How many of each. */
const RUNS = 50_000;
const WAITING = 8000;
const CHANGES = 50_000;

/** The numbers are larger than those that V8 stores in place of a pointer. */
const N = 2 ** 40;
let last = 2 ** 33;

interface Counted {
  /** Creates it, and keeps it. */
  make(): unknown;
  /** The size that is counted for it. */
  counted(made: unknown): number;
}

/** A separate string, as one from outside. */
function own(text: string): string {
  return JSON.parse(JSON.stringify(text));
}

function putIn(puts: DedupIndex, name: string): void {
  puts.open(name, "owner");
  puts.record(name, N, ++last, "owner");
  puts.settle();
  puts.commit();
}

/** The name of a session: it begins with a digit, which needs its own key. */
const nameOf = (i: number, length: number) => own(`${i}-`.padEnd(length, "x"));

function puts(record: (puts: DedupIndex, i: number) => void): Counted {
  return {
    make() {
      const puts = new DedupIndex({ window: 1e6, retention: 600_000, maxRuns: 1e6 });
      for (let i = 0; i < RUNS; i++) record(puts, i);
      return puts;
    },
    counted: (made) => RUN_BYTES * (made as DedupIndex).runs,
  };
}

/** Waiting frames, this many of each, scanned as far as possible. */
function frames(count: number, frame: (i: number) => string): Counted {
  const limits = count === 1 ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, inFlight: 4 * WAITING };
  const budgets = new SharedBudgets(DEFAULT_LIMITS);
  const connectionBudgets = new ConnectionBudgets(budgets, "@1");
  return {
    make() {
      const backlog = new Backlog(limits, () => {}, connectionBudgets);
      for (let i = 0; i < count; i++) backlog.add(own(frame(i)));
      while (backlog.scanNext());
      return backlog;
    },
    counted: () => connectionBudgets.of("totalInFlightBytes").used,
  };
}

const ALL: Readonly<Record<string, Counted>> = {
  "sessions of one put, named as clients do": puts((puts, i) => putIn(puts, nameOf(i, 22))),
  "sessions of one put, with the longest names": puts((puts, i) => putIn(puts, nameOf(i, 64))),
  "sessions without puts": puts((puts, i) => {
    puts.open(nameOf(i, 64), "owner");
    puts.commit();
  }),
  "runs of a few sessions": puts((puts, i) => {
    puts.record(nameOf(i % 50, 64), N + i, last += 2, "owner");
    puts.settle();
    puts.commit();
  }),
  "sessions that come and go": puts((puts, i) => {
    putIn(puts, nameOf(2 * i, 64));
    putIn(puts, nameOf(2 * i + 1, 64));
    puts.forget(nameOf(2 * i, 64));
    puts.commit();
  }),
  "waiting heartbeats": frames(WAITING, (id) => `{"action":"heartbeat","id":${id}}`),
  "waiting gets": frames(WAITING, (id) => `{"action":"get","id":${id},"topic":"t"}`),
  "waiting puts": frames(
    WAITING,
    (id) => `{"action":"put","id":${id},"topic":"t","body":"${"x".repeat(400)}"}`,
  ),
  "the same beyond Latin-1": frames(
    WAITING,
    (id) => `{"action":"put","id":${id},"topic":"t","body":"${"€".repeat(400)}"}`,
  ),
  "frames that hold one character beyond Latin-1": frames(
    20,
    (id) => `{"action":"put","id":${id},"topic":"t","body":"€${"x".repeat(200_000)}"}`,
  ),
  ...Object.fromEntries(
    Object.entries(FRAMES).map(([name, make]) => [`a large frame of ${name}`, frames(1, make)]),
  ),
};

/** A store's tables of topics, with repeated puts into one of them. */
function topicsChanged(withTombstones: boolean): Counted {
  return {
    make() {
      const db = nodeSqlite.open(":memory:");
      new SegmentTable(db);
      const topics = new TopicTable(db);
      for (let seq = 1; seq <= CHANGES; seq++) {
        topics.add([{ seq, time: 1, topic: "t", body: '""', bytes: 2 }]);
        topics.commit();
        if (withTombstones && seq === 1) topics.expireUpTo(0);
      }
      return topics;
    },
    counted: () => 0,
  };
}

/** Things that change again and again, and must not grow. */
const CHANGED: Readonly<Record<string, Counted>> = {
  "topics with repeated puts": topicsChanged(false),
  "the same after a check for expired ones": topicsChanged(true),
  "a topic's gap, reported again and again": {
    make() {
      const gone = new GoneMap(1);
      for (let seq = 1; seq <= CHANGES; seq++) {
        gone.record([{ topic: seq < 3 ? `t ${seq}` : "t 2", seq, at: 1 }]);
        gone.commit();
      }
      return gone;
    },
    counted: () => 0,
  },
};

/** Repeated work that must leave nothing that only a full garbage collection frees. */
const DONE: Readonly<Record<string, () => () => void>> = {
  "statements without rows": () => {
    const db = nodeSqlite.open(":memory:");
    db.exec("CREATE TABLE t (n)");
    const [insert, begin, commit] = ["INSERT INTO t VALUES (?)", "BEGIN", "COMMIT"].map((sql) =>
      db.prepare(sql)
    );
    return () => {
      begin!.run();
      insert!.run(1);
      commit!.run();
    };
  },
  "maps that are emptied": () => {
    const map = new NameMap<number>();
    return () => {
      map.set("a", 1);
      map.clear();
    };
  },
};

type Collect = (options?: { type: "minor" }) => void;
const { gc } = globalThis as unknown as { gc: Collect };

function heap(): number {
  for (let i = 0; i < 3; i++) gc();
  return Deno.memoryUsage().heapUsed;
}

/** What has reached V8's old space, garbage or not. */
function old(): number {
  for (let i = 0; i < 3; i++) gc({ type: "minor" });
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name }) => space_name === "old_space")!.space_used_size;
}

const made = Object.entries({ ...ALL, ...CHANGED }).map(([name, { make, counted }]) => {
  const before = heap();
  const one = make();
  const taken = heap() - before;
  return [name, { taken, counted: counted(one) }];
});
const remaining = Object.entries(DONE).map(([name, begin]) => {
  const retain = begin();
  for (let i = 0; i < CHANGES; i++) retain();
  heap();
  const before = old();
  for (let i = 0; i < CHANGES; i++) retain();
  return [name, { taken: old() - before, counted: 0 }];
});
console.log(JSON.stringify(Object.fromEntries([...made, ...remaining])));
