/**
 * Snapshots: the rows of a replica's file, as text.
 *
 * Each line is JSON. The first is `{"dsmq":"snapshot","format":1,"configuration":{…}}`, with the options that decide results. Then
 * `["table","name",["column",…]]` comes before the rows of a table, each of which is a list of values in the order of the columns. The last
 * line is `{"rows":N}`, with the number of rows.
 *
 * @module
 */

import type { Database, SqlValue } from "../engine.ts";
import type { StoreConfiguration } from "./control_commands.ts";

/** The version of the text. */
const FORMAT = 1;

/** About how many characters a part of a snapshot has. */
const PART_LENGTH = 256 * 1024;

/** So many rows are read at a time. */
const PAGE = 64;

/** How often it is told how many rows there are. */
const TELL_EVERY = 4096;

interface Head {
  readonly dsmq: "snapshot";
  readonly format: number;
  readonly configuration: StoreConfiguration;
}

/** A snapshot is not what it should be. */
export class SnapshotError extends Error {}

/**
 * Reads a database as of now, a few rows at a time: others go on writing to it.
 *
 * @param db a connection of its own
 * @param configuration the options that decide results
 * @returns the text, in parts
 */
export function writeSnapshot(
  db: Database,
  configuration: StoreConfiguration,
): Iterable<Uint8Array> {
  // Not with the first part: the one who writes may go on before that is asked for. A read is what makes it the state of now.
  db.prepare("BEGIN").run();
  db.prepare("SELECT count(*) FROM sqlite_schema").all();
  return partsOf(db, configuration);
}

function* partsOf(db: Database, configuration: StoreConfiguration): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const head: Head = { dsmq: "snapshot", format: FORMAT, configuration };
  let lines = [JSON.stringify(head)];
  let length = 0;
  let rows = 0;
  const add = (line: string) => {
    lines.push(line);
    length += line.length;
  };
  const part = () => {
    const text = encoder.encode(lines.join("\n") + "\n");
    [lines, length] = [[], 0];
    return text;
  };
  for (const { name, columns, key } of tablesOf(db)) {
    add(JSON.stringify(["table", name, columns]));
    for (const row of rowsOf(db, name, key)) {
      add(JSON.stringify(columns.map((column) => row[column])));
      rows++;
      if (length >= PART_LENGTH) yield part();
    }
  }
  add(JSON.stringify({ rows }));
  yield part();
}

/**
 * Fills the tables of a database.
 *
 * @param parts the text of a snapshot, in parts
 * @param prepare makes the tables, for these options, and returns their database
 * @param onRows told how many rows there are so far, now and then
 * @throws {SnapshotError} if it is not complete, or of another version
 */
export async function readSnapshot(
  parts: AsyncIterable<Uint8Array>,
  prepare: (configuration: StoreConfiguration) => Database,
  onRows: (count: number) => void,
): Promise<void> {
  let insert: ((values: readonly SqlValue[]) => void) | undefined;
  let db: Database | undefined;
  let [rows, isComplete] = [0, false];
  for await (const line of linesOf(parts)) {
    if (isComplete) throw new SnapshotError("something comes behind its end");
    const value = parseLine(line);
    if (!db) {
      const { dsmq, format, configuration } = value as Head;
      if (dsmq !== "snapshot") throw new SnapshotError("it is not one of dsmq");
      if (format !== FORMAT) throw new SnapshotError(`its format is ${format}, not ${FORMAT}`);
      db = prepare(configuration);
    } else if (!Array.isArray(value)) {
      const expected = (value as { rows: number }).rows;
      if (expected !== rows) throw new SnapshotError(`it has ${rows} rows and not ${expected}`);
      isComplete = true;
    } else if (isTableLine(value)) insert = inserter(db, value);
    else {
      if (!insert) throw new SnapshotError("a row comes before its table");
      insert(value as SqlValue[]);
      if (++rows % TELL_EVERY === 0) onRows(rows);
    }
  }
  if (!isComplete) throw new SnapshotError("its end is missing");
}

function parseLine(line: string): Head | { rows: number } | SqlValue[] | TableLine {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new SnapshotError("a line cannot be read", { cause });
  }
}

type TableLine = readonly ["table", name: string, columns: readonly string[]];

function isTableLine(value: readonly unknown[]): value is TableLine {
  return value[0] === "table" && Array.isArray(value[2]);
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Its primary key, if that is one column: rows can be read a few at a time. */
  readonly key: string | undefined;
}

function tablesOf(db: Database): readonly Table[] {
  const names = db.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  ).all() as { name: string }[];
  return names.map(({ name }) => {
    const columns = db.prepare("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid")
      .all(name) as { name: string; pk: number }[];
    const keys = columns.filter(({ pk }) => pk > 0);
    return {
      name,
      columns: columns.map(({ name }) => name),
      key: keys.length === 1 ? keys[0]!.name : undefined,
    };
  });
}

type Row = Readonly<Record<string, SqlValue>>;

function* rowsOf(db: Database, name: string, key: string | undefined): Generator<Row> {
  if (key === undefined) return yield* db.prepare(`SELECT * FROM ${name}`).all() as Row[];
  const first = db.prepare(`SELECT * FROM ${name} ORDER BY ${key} LIMIT ${PAGE}`);
  const next = db.prepare(`SELECT * FROM ${name} WHERE ${key} > ? ORDER BY ${key} LIMIT ${PAGE}`);
  for (let rows = first.all() as Row[]; rows.length > 0;) {
    yield* rows;
    rows = next.all(rows.at(-1)![key]!) as Row[];
  }
}

function inserter(db: Database, [, name, columns]: TableLine) {
  const known = tablesOf(db).find((table) => table.name === name);
  if (!known || columns.some((column) => !known.columns.includes(column))) {
    throw new SnapshotError(`a table is not known: ${name} (${columns.join()})`);
  }
  const places = columns.map(() => "?").join();
  const sql = db.prepare(`INSERT OR REPLACE INTO ${name} (${columns.join()}) VALUES (${places})`);
  return (values: readonly SqlValue[]) => {
    if (values.length === columns.length) return void sql.run(...values);
    throw new SnapshotError(`a row of ${name} has ${values.length} values, not ${columns.length}`);
  };
}

async function* linesOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  // What is no UTF-8 is no JSON afterwards, or has another digest.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  // The pieces of a line that is not complete: joined once, however many parts it has.
  let pieces: string[] = [];
  for await (const part of parts) {
    const text = decoder.decode(part, { stream: true });
    let from = 0;
    for (let end; (end = text.indexOf("\n", from)) >= 0; from = end + 1) {
      pieces.push(text.slice(from, end));
      yield pieces.length === 1 ? pieces[0]! : pieces.join("");
      pieces = [];
    }
    if (from < text.length) pieces.push(text.slice(from));
  }
  if (pieces.length > 0) throw new SnapshotError("its end is missing");
}
