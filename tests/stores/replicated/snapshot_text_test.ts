import { assertEquals, assertRejects } from "@std/assert";
import type { Database } from "../../../stores/engine.ts";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";
import {
  readSnapshot,
  SnapshotError,
  writeSnapshot,
} from "../../../stores/replicated/snapshot_text.ts";
import { completeLimits } from "../../../stores/store_limits.ts";

const CONFIGURATION = { retention: 600_000, limits: completeLimits() };
const TABLES = "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT); " +
  "CREATE TABLE b (x TEXT, y INTEGER, PRIMARY KEY (x, y)) WITHOUT ROWID; CREATE TABLE c (n INTEGER)";

function tables(): Database {
  const db = nodeSqlite.open(":memory:");
  db.exec(TABLES);
  return db;
}

async function* parts(texts: Iterable<Uint8Array>, size = Infinity): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    for (let from = 0; from < text.length; from += size) {
      yield await Promise.resolve(text.subarray(from, from + size));
    }
  }
}

function rowsOf(db: Database): unknown {
  return ["a", "b", "c"].map((table) =>
    db.prepare(`SELECT * FROM ${table}`).all().map((row) => ({ ...(row as object) }))
  );
}

function filled(): Database {
  const db = tables();
  const insert = db.prepare("INSERT INTO a VALUES (?, ?)");
  for (let i = 1; i <= 1000; i++) insert.run(3 * i, i % 7 === 0 ? null : `é\n"${i}`);
  db.exec("INSERT INTO b VALUES ('x', 1), ('x', 2), ('', 0); INSERT INTO c VALUES (1), (1)");
  return db;
}

Deno.test("a snapshot has all rows of all tables, however it is cut into parts", async () => {
  const db = filled();
  for (const size of [Infinity, 1000, 1]) {
    const copy = tables();
    await readSnapshot(parts(writeSnapshot(db, CONFIGURATION), size), (configuration) => {
      assertEquals(configuration, CONFIGURATION);
      return copy;
    }, () => {});
    assertEquals(rowsOf(copy), rowsOf(db));
    db.exec("COMMIT");
  }
});

Deno.test("a snapshot is that of the moment when it begins, whatever is written while it is read", async () => {
  const path = await Deno.makeTempFile();
  const [db, reader] = [nodeSqlite.open(path), nodeSqlite.open(path)];
  db.exec(`PRAGMA journal_mode = WAL; ${TABLES}; INSERT INTO a VALUES (1, 'before')`);
  const snapshot = writeSnapshot(reader, CONFIGURATION);
  db.exec("INSERT INTO a VALUES (2, 'after')");
  const copy = tables();
  await readSnapshot(parts(snapshot), () => copy, () => {});
  assertEquals(rowsOf(copy), [[{ id: 1, name: "before" }], [], []]);
  reader.close();
  db.close();
  await Deno.remove(path);
});

Deno.test("what is no whole snapshot of a known version is refused", async () => {
  const text = new TextDecoder().decode(
    new Uint8Array([...writeSnapshot(filled(), CONFIGURATION)].flatMap((part) => [...part])),
  );
  const lines = text.trimEnd().split("\n");
  const cases: [string[], string][] = [
    [lines.slice(0, -1), "its end is missing"],
    [lines.slice(0, 5), "its end is missing"],
    [lines.toSpliced(4, 1), "it has 1004 rows and not 1005"],
    [[...lines, lines[2]!], "something comes behind its end"],
    [lines.with(0, '{"dsmq":"snapshot","format":2}'), "its format is 2, not 1"],
    [lines.with(0, "{}"), "it is not one of dsmq"],
    [lines.with(1, '["table","other",["x"]]'), "a table is not known: other (x)"],
    [lines.with(1, '["table","a",["id","other"]]'), "a table is not known: a (id,other)"],
    [lines.with(3, lines[3]!.slice(0, -3)), "a line cannot be read"],
    [lines.with(3, "[1]"), "a row of a has 1 values, not 2"],
    [lines.toSpliced(1, 1), "a row comes before its table"],
    [[], "its end is missing"],
  ];
  for (const [given, reason] of cases) {
    const bytes = new TextEncoder().encode(given.map((line) => `${line}\n`).join(""));
    const reading = readSnapshot(parts([bytes]), tables, () => {});
    const { message } = await assertRejects(() => reading, SnapshotError);
    assertEquals(message, reason);
  }
});
