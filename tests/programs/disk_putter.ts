/**
 * Puts messages into a file one by one, while the disk fails. A second file gets the outcome of each: its
 * number and sequence number, or the code of the error; a put that may be stored is repeated at once. Each line also has how
 * many messages can be read. Then the program ends without closing the file, as if it were killed.
 *
 * @module
 */

import { apply } from "../../testing/store/support.ts";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { StoreError } from "../../stores/store.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";

const [path, name, durability, count, size] = Deno.args as [
  string,
  string,
  "disk" | "process",
  string,
  string,
];
using report = Deno.openSync(`${path}-said`, { write: true, createNew: true });
const engine = name === "node:sqlite" ? nodeSqlite : dbSqlite({ Database: FakeDatabase });
const clock = { now: () => Date.now() };
const store = new FileStore({ path, durability, engine, retention: 600_000, clock });

async function put(n: number): Promise<string> {
  const body = JSON.stringify(`${n} `.padEnd(Number(size), "x"));
  const [result] = await apply(store, [{
    type: "put",
    topic: "t",
    body,
    bytes: body.length,
    session: "s",
    n,
  }]);
  return result instanceof StoreError ? result.code : `${result!.seq}`;
}

async function readable(): Promise<number | string> {
  try {
    const query = { topic: "t", after: 0, count: 1_000_000, bytes: 1e12 };
    return (await store.read([query]))[0]!.messages.length;
  } catch (error) {
    return error instanceof StoreError ? error.code : "another error";
  }
}

function writeReport(...words: unknown[]): void {
  report.writeSync(new TextEncoder().encode(`${words.join(" ")}\n`));
}

for (let n = 1; n <= Number(count); n++) {
  const outcome = await put(n);
  writeReport(n, outcome, await readable());
  if (outcome === "unknown_outcome") writeReport(n, await put(n), await readable());
}
Deno.exit(0);
