/**
 * What becomes of puts where the file fails: each step of a commit is made to fail once. Nothing may be
 * acknowledged that is not in the file, and nothing delivered that was refused.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Limits } from "../stores/admission.ts";
import type { Database, Engine } from "../stores/engine.ts";
import { dbSqlite } from "../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { FileStore } from "../stores/file.ts";
import { type Put, StoreError } from "../stores/store.ts";
import { nth } from "./store_contract_failing.ts";
import {
  append,
  Feed,
  numbered,
  outcomes,
  put,
  puts,
  read,
  RETENTION,
  texts,
  trimAll,
} from "./store_contract_support.ts";
import { Database as FakeDatabase } from "./support/fake_db_sqlite.ts";
import { ManualClock } from "./support/manual_clock.ts";

/** What fails: a statement before it is executed or after, or the opening of the file. */
type Step = (sql: string) => boolean;

/** A file whose engine fails where a test says so. */
class FailingFile implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly executed: string[] = [];
  before: Step = () => false;
  after: Step = () => false;
  /** How the error looks. */
  error: () => Error = () => Object.assign(new Error("disk I/O error"), { errcode: 10 });
  store: FileStore;
  db!: Database;
  readonly #folder = Deno.makeTempDirSync();
  readonly #path = `${this.#folder}/queue.db`;
  readonly #engine: Engine;
  readonly #limits: Partial<Limits>;

  constructor(engine: Engine = nodeSqlite, limits: Partial<Limits> = {}) {
    this.#engine = engine;
    this.#limits = limits;
    this.store = this.#open();
  }

  /** Nothing fails any more. */
  mend(): void {
    this.before = this.after = () => false;
  }

  /** Closes the store, and opens it as it is in the file. */
  async restart(): Promise<void> {
    this.mend();
    await this.store[Symbol.asyncDispose]();
    this.store = this.#open();
  }

  /** Opens the file beside the store, which has to have closed it. */
  another(): FileStore {
    return this.#open();
  }

  /** Changes what is in the file, which the store has to have closed. */
  edit(sql: string): void {
    const db = new DatabaseSync(this.#path);
    db.exec(sql);
    db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    await this.store[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #open(): FileStore {
    const { clock } = this;
    const engine: Engine = { name: this.#engine.name, open: (path) => this.#watched(path) };
    const path = this.#path;
    const limits = this.#limits;
    return new FileStore({ path, engine, clock, limits, retention: RETENTION, durability: "full" });
  }

  #watched(path: string): Database {
    this.#step("open", () => {});
    const db = this.db = this.#engine.open(path);
    return {
      exec: (sql) => this.#step(sql, () => db.exec(sql)),
      prepare: (sql) => {
        const statement = db.prepare(sql);
        return {
          run: (...values) => this.#step(sql, () => statement.run(...values)),
          all: (...values) => this.#step(sql, () => statement.all(...values)),
        };
      },
      close: () => db.close(),
    };
  }

  #step<T>(sql: string, work: () => T): T {
    this.executed.push(sql);
    if (this.before(sql)) throw this.error();
    const result = work();
    if (this.after(sql)) throw this.error();
    return result;
  }
}

/** What is put in the tests: two batches that are committed together. */
const BATCHES: Put[][] = [
  [numbered("s", 1), put("new", "x"), numbered("s", 2)],
  [numbered("u", 1, "t"), put("t", "last")],
];

async function both(store: FileStore): Promise<(number | string)[]> {
  return (await Promise.all(BATCHES.map((batch) => outcomes(store, batch)))).flat();
}

/** The statements that a commit of both batches takes. */
async function steps(): Promise<number> {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.executed.length = 0;
  await both(file.store);
  return file.executed.length;
}

const STEPS = await steps();
const overFake = dbSqlite({ Database: FakeDatabase });

for (const engine of [nodeSqlite, overFake]) {
  for (const [when, restart] of [["before", false], ["after", false], ["before", true]] as const) {
    const then = restart ? ", and a restart follows" : "";
    Deno.test(`${engine.name}: each step of a commit fails once, ${when} it is done${then}`, async () => {
      for (let fails = 1; fails <= STEPS; fails++) {
        await using file = new FailingFile(engine);
        using feed = await Feed.open(file.store);
        const [before] = await append(file.store, puts("t", "before"));
        let step = 0;
        let failed = "";
        file[when] = (sql) => {
          if (++step !== fails) return false;
          failed = sql;
          return true;
        };
        const results = await both(file.store);
        const where = `step ${fails}, ${failed}`;
        // Only where the commit was done all the same is there a doubt: the error says that the disk failed.
        const stored = failed === "COMMIT" && when === "after";
        const code = stored ? "unknown_outcome" : "unavailable";
        assertEquals(results, Array(5).fill(code), where);
        assertEquals(feed.messages.length, stored ? 6 : 1, where);
        if (restart) await file.restart();
        else file.mend();
        const { store } = file;
        assertEquals(
          await texts(store),
          stored ? ["before", "s 1", "s 2", "u 1", "last"] : ["before"],
        );
        assertEquals((await store.bounds()).last, stored ? 6 : 1, where);
        // Who repeats gets what holds: nothing is stored twice.
        const again = await both(store);
        const expected = stored ? ["dup 2", 7, "dup 4", "dup 5", 8] : [2, 3, 4, 5, 6];
        assertEquals(again, expected, where);
        const all = (await read(store, { topic: "t" })).messages;
        assertEquals(all[0], before);
        if (!restart) {
          await feed.until({ seq: stored ? 8 : 6 });
          const seqs = feed.messages.map(({ seq }) => seq);
          assertEquals(seqs, Array.from({ length: stored ? 8 : 6 }, (_, i) => i + 1), where);
          assertEquals(feed.errors, []);
        }
        await file.restart();
        assertEquals((await read(file.store, { topic: "t" })).messages, all, where);
      }
    });
  }
}

Deno.test("a transaction that cannot be undone either is undone by opening the file again", async () => {
  for (const beginning of ["INSERT INTO runs", "INSERT INTO numbers", "UPDATE state", "COMMIT"]) {
    await using file = new FailingFile();
    await append(file.store, puts("t", "before"));
    const once = nth(1, beginning);
    file.before = (sql) => once(sql) || sql === "ROLLBACK";
    assertEquals(await both(file.store), Array(5).fill("unavailable"), beginning);
    assertEquals(await texts(file.store), ["before"]);
    assertEquals(await both(file.store), [2, 3, 4, 5, 6]);
  }
});

Deno.test("where nobody can find out whether it was committed, the outcome is unknown, and never success", async () => {
  for (const done of [false, true]) {
    await using file = new FailingFile();
    using feed = await Feed.open(file.store);
    await append(file.store, puts("t", "before"));
    let broken = false;
    file[done ? "after" : "before"] = (sql) => sql === "COMMIT" && (broken = true);
    const { before } = file;
    file.before = (sql) => broken && sql === "open" || before(sql);
    assertEquals(await both(file.store), Array(5).fill("unknown_outcome"));
    await assertRejects(() => file.store.bounds(), StoreError, "disk I/O error");
    assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
    assertEquals([feed.messages.length, feed.errors.length], [1, 0]);
    file.mend();
    // What is in the file counts: who follows is told that something may have been missed.
    assertEquals((await store(file)).bounds().last, done ? 6 : 1);
    assertEquals([feed.messages.length, feed.errors.length], [1, done ? 1 : 0]);
    assertEquals((await both(file.store))[0], done ? "dup 2" : 2);
  }

  async function store({ store }: FailingFile) {
    const bounds = await store.bounds();
    return { bounds: () => bounds };
  }
});

Deno.test("a repetition is answered also while the file fails", async () => {
  await using file = new FailingFile();
  await append(file.store, [numbered("s", 1)]);
  file.before = (sql) => sql === "BEGIN" || sql === "open";
  assertEquals(await outcomes(file.store, [numbered("s", 1), numbered("s", 2)]), [
    "dup 1",
    "unavailable",
  ]);
});

Deno.test("a purge that fails harms nobody, and is done later", async () => {
  for (const beginning of ["DELETE FROM runs", "DELETE FROM topics", "UPDATE state", "COMMIT"]) {
    await using file = new FailingFile();
    await append(file.store, [put("gone"), put("t")]);
    file.clock.advance(1);
    const [kept] = await append(file.store, [put("t")]);
    file.clock.advance(RETENTION - 1);
    file.before = (sql) => sql.startsWith(beginning);
    await assertRejects(() => file.store.trim(1000), StoreError, "disk I/O error");
    file.mend();
    assertEquals((await read(file.store, { topic: "t" })).messages, [kept!]);
    await trimAll(file.store);
    await file.restart();
    assertEquals((await read(file.store, { topic: "t" })).messages, [kept!]);
    const entries = await file.store.topics({ prefix: "", after: "", count: 9 });
    assertEquals(entries.map(({ topic, messages }) => [topic, messages]), [["t", 1]]);
  }
});

for (const engine of [nodeSqlite, overFake]) {
  Deno.test(`${engine.name}: a full disk refuses puts with full; reading goes on, and service once there is room`, async () => {
    await using file = new FailingFile(engine);
    using feed = await Feed.open(file.store);
    const large = (n: number) => numbered("s", n, "t", `${n} `.padEnd(20_000, "x"));
    await append(file.store, [large(1)]);
    file.db.exec("PRAGMA max_page_count = 100");
    let last = 1;
    for (let result: unknown = 0; result !== "full"; last++) {
      [result] = await outcomes(file.store, [large(last + 1)]);
      assert(typeof result === "number" || result === "full", `${result}`);
      assert(last < 100);
    }
    const refused = last;
    const [error] = await file.store.append([large(refused)]);
    assert(error instanceof StoreError);
    assertEquals(error.message, "Cannot store messages: database or disk is full");
    assertEquals(await outcomes(file.store, [large(1), large(refused)]), ["dup 1", "full"]);
    assertEquals((await texts(file.store)).length, refused - 1);
    assertEquals(feed.messages.length, refused - 1);
    // Others have expired: there is room.
    file.clock.advance(RETENTION);
    await trimAll(file.store);
    assertEquals(await outcomes(file.store, [large(refused)]), [refused]);
    // Or the disk is larger now.
    while ((await outcomes(file.store, [large(++last)]))[0] !== "full");
    file.db.exec("PRAGMA max_page_count = 100000");
    assertEquals(await outcomes(file.store, [large(last)]), [last]);
    const before = await texts(file.store);
    await file.restart();
    assertEquals(await texts(file.store), before);
    assertEquals(before.length, last - refused + 1);
  });
}

Deno.test("what fails takes no room, and drops nothing", async () => {
  const message = (n: number) => put("t", `${n}`.padStart(8, "0"));
  for (const overflow of ["reject", "drop-oldest"] as const) {
    await using file = new FailingFile(nodeSqlite, { storedBytes: 4 * 111, overflow });
    const before = await append(file.store, [1, 2, 3].map(message));
    // The first of these has the file opened again, the others are undone in memory.
    for (const beginning of ["COMMIT", "INSERT INTO runs", "UPDATE state"]) {
      file.before = nth(1, beginning);
      const failed = await outcomes(file.store, [message(4), message(5), message(6)]);
      assertEquals(failed, Array(3).fill("unavailable"), beginning);
      assertEquals((await read(file.store, { topic: "t" })).messages, before, beginning);
      assertEquals((await file.store.bounds()).floor, 0);
    }
    file.mend();
    const last = overflow === "reject" ? [4, "full"] : [4, 5];
    assertEquals(await outcomes(file.store, [message(7), message(8)]), last);
    assertEquals((await texts(file.store)).length, 4);
  }
});

Deno.test("a full disk found out at the commit is no doubt: nothing is stored", async () => {
  await using file = new FailingFile();
  file.error = () => Object.assign(new Error("database or disk is full"), { errcode: 13 });
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await both(file.store), Array(5).fill("full"));
  assertEquals(await texts(file.store), []);
  file.mend();
  assertEquals(await both(file.store), [1, 2, 3, 4, 5]);
});

Deno.test("what is appended in one turn is one transaction, and fed before it is answered", async () => {
  await using file = new FailingFile();
  using feed = await Feed.open(file.store);
  file.executed.length = 0;
  const fed: number[] = [];
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    await append(file.store, puts("t", `${i}`));
    fed.push(feed.messages.length);
  }));
  assertEquals(file.executed.filter((sql) => sql === "COMMIT").length, 1);
  assertEquals(fed, Array(50).fill(50));
});

Deno.test("a file that was replaced by another while it could not be used is not taken for it", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.edit("UPDATE state SET store = 'another'");
  file.mend();
  for (let time = 0; time < 2; time++) {
    await assertRejects(() => file.store.bounds(), StoreError, "it is another file than before");
    assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
  }
});

Deno.test("a file that somebody else had while it could not be used is not gone on with", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.mend();
  await using other = file.another();
  await append(other, puts("t", "from somebody else"));
  await other[Symbol.asyncDispose]();
  await assertRejects(() => file.store.bounds(), StoreError, "it is another file than before");
});

Deno.test("a file that went back behind what was acknowledged is not gone on with", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.edit("UPDATE state SET last = 0; DELETE FROM runs");
  file.mend();
  await assertRejects(() => file.store.bounds(), StoreError, "messages are missing that it had");
  assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
});
