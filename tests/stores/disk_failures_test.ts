/**
 * What is acknowledged while the disk fails. The system itself fails here, not a simulated error. Acknowledged messages are
 * counted in the file after the process has ended without closing it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { append, numbered, outcomes, put, texts } from "../../testing/store/support.ts";
import { callsBefore, type Event, putWithFailures, whyNoStrace } from "../support/failing_disk.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { ignoredIf } from "../support/ignored_if.ts";

const COUNT = 14;
const RETENTION = 600_000;
const engines = [nodeSqlite, dbSqlite({ Database: FakeDatabase })];
const reason = await whyNoStrace();

type PutEvent = Event & { readonly did: "say" };

function putEvents(events: readonly Event[]): PutEvent[] {
  return events.filter((event) => event.did === "say");
}

/** The numbers of the messages in a file, by sequence number. */
async function stored(path: string): Promise<Map<number, number>> {
  const clock = { now: () => Date.now() };
  const options = { path, clock, engine: nodeSqlite, retention: RETENTION };
  await using store = new FileStore({ ...options, durability: "disk" });
  const query = { topic: "t", after: 0, count: 1000, bytes: 1e9 };
  const [page] = await store.read([query]);
  return new Map(page!.messages.map(({ seq, body }) => [seq, Number.parseInt(JSON.parse(body))]));
}

/** Asserts that every acknowledged message is there once, no refused one is, and that they could be read meanwhile. */
async function assertStored(path: string, events: readonly Event[]): Promise<void> {
  const found = await stored(path);
  const all = [...found.values()];
  assertEquals(new Set(all).size, all.length, "nothing is there twice");
  let acknowledged = 0;
  for (const { n, outcome, readable } of putEvents(events)) {
    if (typeof outcome === "number") {
      acknowledged++;
      assertEquals(found.get(outcome), n);
    } else if (outcome !== "unknown_outcome") {
      assert(!all.includes(n), `${n} was refused with ${outcome}`);
    }
    assert(typeof readable === "number", `${readable} as one reads`);
    assert(readable >= acknowledged, "what was acknowledged can be read");
  }
}

/** Runs work with a file in its own folder. */
async function withFile(work: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await work(`${folder}/queue.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What happens if nothing fails: it shows when to fail. */
async function withoutFailures(engine: string): Promise<Event[]> {
  let events: Event[] = [];
  await withFile(async (path) => {
    events = await putWithFailures({ path, engine, durability: "disk", count: COUNT });
    assertEquals(
      putEvents(events).map(({ outcome }) => outcome),
      [...Array(COUNT).keys()].map((i) => i + 1),
    );
    await assertStored(path, events);
  });
  return events;
}

for (const { name: engine } of engines) {
  Deno.test({
    ...ignoredIf(
      reason,
      `${engine}: while the disk's syncs fail, nothing is acknowledged, and nothing that builds on it later`,
    ),
    async fn() {
      const begin = callsBefore(await withoutFailures(engine), "sync", 2) + 1;
      for (const failing of [1, 2, 3, 6]) {
        await withFile(async (path) => {
          const calls = { from: begin, to: begin + failing - 1 };
          const events = await putWithFailures({ path, engine, durability: "disk", count: COUNT }, {
            ...calls,
            calls: "fsync,fdatasync",
            error: "EIO",
          });
          let uncertain = false;
          let failed = 0;
          for (const event of events) {
            if (event.did === "sync" && event.failed) uncertain = !!++failed;
            // Only the database itself, written again from the log, and synced.
            else if (event.did === "sync" && event.file === "queue.db") uncertain = false;
            else if (event.did === "say" && typeof event.outcome === "number") {
              assert(!uncertain, `${event.n} was acknowledged after a sync had failed`);
            }
          }
          assertEquals(failed, failing);
          // If it is closed cleanly after a failure, SQLite drops what was not committed: then there is no doubt.
          const third = failing === 1 ? "unavailable" : "unknown_outcome";
          assertEquals(putEvents(events)[2]!.outcome, third);
          assert(
            typeof putEvents(events).at(-1)!.outcome === "number",
            "it goes on once the disk does",
          );
          await assertStored(path, events);
        });
      }
    },
  });

  Deno.test({
    ...ignoredIf(
      reason,
      `${engine}: a full disk is reported as full, and nothing that was refused is stored`,
    ),
    async fn() {
      const third = callsBefore(await withoutFailures(engine), "write", 2) + 1;
      for (const [from, to] of [[0, 0], [1, 9], [3, 30]] as const) {
        await withFile(async (path) => {
          const events = await putWithFailures({ path, engine, durability: "disk", count: COUNT }, {
            ...{ from: third + from, to: third + to },
            calls: "pwrite64",
            error: "ENOSPC",
          });
          const refused = putEvents(events).filter(({ outcome }) => typeof outcome === "string");
          assert(refused.length > 0);
          assertEquals(new Set(refused.map(({ outcome }) => outcome)), new Set(["full"]));
          await assertStored(path, events);
        });
      }
    },
  });

  Deno.test({
    ...ignoredIf(
      reason,
      `${engine}: when the disk accepts no writes, nothing is acknowledged that it does not have`,
    ),
    async fn() {
      const third = callsBefore(await withoutFailures(engine), "write", 2) + 1;
      for (const [from, to] of [[0, 0], [1, 9], [3, 30]] as const) {
        await withFile(async (path) => {
          const events = await putWithFailures({ path, engine, durability: "disk", count: COUNT }, {
            ...{ from: third + from, to: third + to },
            calls: "pwrite64",
            error: "EIO",
          });
          const refused = putEvents(events).filter(({ outcome }) => typeof outcome === "string");
          assertEquals(new Set(refused.map(({ outcome }) => outcome)), new Set(["unavailable"]));
          await assertStored(path, events);
        });
      }
    },
  });
}

Deno.test({
  ...ignoredIf(
    reason,
    "with process durability, what the process has written survives its end, even if syncs fail",
  ),
  async fn() {
    await withFile(async (path) => {
      // So large that the log is written to the database meanwhile: with process durability there are no other syncs.
      const large = { count: COUNT, size: 500_000 };
      const events = await putWithFailures(
        { path, engine: "node:sqlite", durability: "process", ...large },
        { calls: "fsync,fdatasync", error: "EIO", from: 3, to: 99 },
      );
      assert(events.some((event) => event.did === "sync" && event.failed));
      assertEquals(
        putEvents(events).map(({ outcome }) => typeof outcome),
        Array(COUNT).fill("number"),
      );
      await assertStored(path, events);
    });
  },
});

/** A small disk, if one can be mounted. */
class SmallDisk implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync();

  static async mount(size: string): Promise<SmallDisk | string> {
    const disk = new SmallDisk();
    const failure = await disk.#run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs");
    if (failure === undefined) return disk;
    Deno.removeSync(disk.folder);
    return failure;
  }

  /** Changes its size. */
  async resize(size: string): Promise<void> {
    assertEquals(await this.#run("mount", "-o", `remount,size=${size}`), undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run("umount", "--lazy");
    Deno.removeSync(this.folder, { recursive: true });
  }

  async #run(program: string, ...args: string[]): Promise<string | undefined> {
    try {
      const command = new Deno.Command(program, {
        args: [...args, this.folder],
        stdout: "null",
        stderr: "null",
      });
      return (await command.output()).success ? undefined : `${program} may not be used`;
    } catch {
      return `there is no ${program}`;
    }
  }
}

const tried = await SmallDisk.mount("64k");
const noMount = typeof tried === "string" ? tried : undefined;
if (typeof tried !== "string") await tried[Symbol.asyncDispose]();

for (const engine of engines) {
  Deno.test({
    ...ignoredIf(
      noMount,
      `${engine.name}: on a full disk, puts are refused as full, and accepted once there is room`,
    ),
    async fn() {
      await using disk = await SmallDisk.mount("1m") as SmallDisk;
      const path = `${disk.folder}/queue.db`;
      const clock = { now: () => Date.now() };
      const open = () =>
        new FileStore({ path, engine, clock, retention: RETENTION, durability: "disk" });
      const large = (n: number) => numbered("s", n, "t", `${n} `.padEnd(10_000, "x"));
      let store = open();
      let last = 0;
      const refused: unknown[] = [];
      while (refused.length < 3) {
        const [outcome] = await outcomes(store, [large(last + 1)]);
        if (typeof outcome === "number") assertEquals(outcome, ++last);
        else refused.push(outcome);
        assertEquals(refused, Array(refused.length).fill("full"));
        assertEquals((await texts(store)).length, last, "it can be read");
        assert(last < 200, "1 MB is never filled");
      }
      assert(last > 10, `${last}`);
      assertEquals(await outcomes(store, [large(last)]), [`dup ${last}`]);
      await store[Symbol.asyncDispose]();
      await disk.resize("2m");
      store = open();
      assertEquals(
        (await texts(store)).map((text) => Number.parseInt(text)),
        [
          ...Array(last).keys(),
        ].map((n) => n + 1),
      );
      assertEquals(await outcomes(store, [large(last), large(last + 1)]), [
        `dup ${last}`,
        last + 1,
      ]);
      // Or while it is open.
      let now: (string | number)[] = [];
      for (last++; typeof now[0] !== "string"; last++) {
        now = await outcomes(store, [large(last + 1)]);
      }
      assertEquals(now, ["full"]);
      await disk.resize("8m");
      const [message] = await append(store, [put("t", "room")]);
      assert(message!.seq >= last);
      await store[Symbol.asyncDispose]();
    },
  });
}
