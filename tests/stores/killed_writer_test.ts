/**
 * A file whose process is killed during puts.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { apply, read, RETENTION, texts } from "../../testing/store/support.ts";
import { Program } from "../support/program.ts";
import { isClean, openFile, TempFolder } from "../support/queue_files.ts";

for (const durability of ["disk", "process"]) {
  Deno.test(`nothing acknowledged is lost, duplicated or out of order when the process is killed (${durability})`, async () => {
    using folder = new TempFolder();
    await openFile(folder.file)[Symbol.asyncDispose]();
    assertEquals(isClean(folder.file), true);
    const acknowledged = new Map<string, Map<number, number>>();
    for (let round = 0; round < 3; round++) {
      const session = `session ${round}`;
      const seqs = new Map<number, number>();
      acknowledged.set(session, seqs);
      await using program = new Program(
        ["-A", "tests/programs/appender.ts", folder.file, session, durability],
      );
      while (seqs.size < 400 + 333 * round) seqs.set(...pair(await program.line()));
      program.child.kill("SIGKILL");
      const { stdout } = await program.end();
      for (const line of whole(stdout)) seqs.set(...pair(line));
    }
    const db = new DatabaseSync(folder.file);
    assertEquals(Object.values(db.prepare("PRAGMA integrity_check").get()!), ["ok"]);
    db.close();
    assertEquals(isClean(folder.file), false, "the next start checks the file");
    const clock = { now: () => Date.now() };
    const options = { path: folder.file, engine: nodeSqlite, retention: RETENTION, clock };
    await using store = new FileStore({ ...options, durability: "disk" });
    const found = new Map<string, number>();
    for (const topic of ["t0", "t1", "t2"]) {
      const { messages } = await read(store, { topic });
      for (const { body, seq } of messages) {
        assert(!found.has(JSON.parse(body)), `${body} is there twice`);
        found.set(JSON.parse(body), seq);
      }
    }
    for (const [session, seqs] of acknowledged) {
      let last = 0;
      for (const [n, seq] of [...seqs].sort(([a], [b]) => a - b)) {
        assertEquals(found.get(`${session} ${n}`), seq);
        assert(seq > last, `${session} ${n} is out of order`);
        last = seq;
        const body = JSON.stringify(`${session} ${n}`);
        if (n % 97 > 0) continue;
        const again = {
          type: "put" as const,
          topic: `t${n % 3}`,
          body,
          bytes: body.length,
          session,
          n,
        };
        assertEquals(await apply(store, [again]), [{ seq, dup: true }]);
      }
    }
    assert((await texts(store, "t0")).length > 300);
  });
}

/** The complete lines that were printed: the last one may have been cut off. */
function whole(text: string): string[] {
  return text.split("\n").filter((line) => /^\d+ \d+$/.test(line)).slice(0, -1);
}

function pair(line: string | undefined): [number, number] {
  const [n, seq] = line!.split(" ").map(Number) as [number, number];
  return [n, seq];
}
