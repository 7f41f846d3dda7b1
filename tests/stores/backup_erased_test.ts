/**
 * The file of a backup has nothing of what was removed from it: no text, no attribute and no name.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { BackupFile } from "../../stores/backup_file.ts";
import type { Engine } from "../../stores/engine.ts";
import { loadEngine } from "../../stores/engines/load_engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { TempFolder } from "../support/queue_files.ts";
import { inFile } from "../support/sqlite_files.ts";

/** Texts by which messages are found in a file. */
const MARKER = /<\d+[a-z]>/g;

/** A text of a length that has a mark everywhere. */
const marked = (seq: number, kind: string, length: number) =>
  `<${seq}${kind}>`.repeat(length).slice(0, Math.max(length, 12));

/** The marks in a file: each with the kind of its text, `b` for bodies, `h` for headers, `t` for topics and so on. */
function marksIn(path: string): Set<string> {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return new Set([...text.matchAll(MARKER)].map(([mark]) => mark));
}

const NOW = new ManualClock().now();

/** Makes a file of messages of all sizes, of which many go; returns which marks it has, and which of them its tables have. */
function makeFile(engine: Engine, path: string, seed: number): [Set<string>, Set<string>] {
  const random = seeded(seed);
  const count = 800;
  const info = { store: "s", epoch: "e", epochs: [], last: count, floor: 0, gone: 0, time: NOW };
  const file = new BackupFile(engine, path, info);
  const topics = Array.from({ length: 12 }, (_, i) => marked(i, "t", 8 + random(3000)));
  const left = new Set<string>();
  // The messages of some topics all go, of others the older ones.
  const floors = topics.map((_, i) => i % 3 === 0 ? count : i % 3 === 1 ? random(count) : 0);
  for (let seq = 1, i = 0; seq <= count; seq++) {
    if (random(3) === 0) i = random(topics.length);
    const length = [20, 300, 3000, 5000 + random(3000), 100_000][random(random(9) ? 3 : 5)]!;
    const has = random(3) > 0;
    file.add({
      topic: topics[i]!,
      body: marked(seq, "b", length),
      ...{ seq, time: NOW },
      ...has && {
        messageId: marked(seq, "i", 12),
        key: marked(seq, "k", 100),
        headers: { name: marked(seq, "h", 12 + random(5000)) },
        identity: marked(seq, "o", 60),
      },
    });
    if (seq <= floors[i]!) continue;
    for (const kind of has ? "bikho" : "b") left.add(`<${seq}${kind}>`);
    left.add(`<${i}t>`);
  }
  for (const [i, topic] of topics.entries()) {
    if (floors[i]! < count && left.has(`<${i}t>`)) {
      file.addGone({ topic, seq: floors[i]!, at: NOW });
    }
  }
  file.finish({ seq: Math.max(...floors), at: NOW });
  return [marksIn(path), left];
}

for (const name of ["node:sqlite", "auto"] as const) {
  Deno.test(`a file made of a backup has no byte of a message that was purged while it was made, or of its topic and attributes (${name})`, async () => {
    const engine = name === "auto" ? await loadEngine("auto") : nodeSqlite;
    for (let seed = 1; seed <= 3; seed++) {
      using folder = new TempFolder();
      const [found, left] = makeFile(engine, folder.file, seed);
      assert(left.size > 300, `${left.size} left`);
      assertEquals(found, left, `seed ${seed}`);
      assertEquals(inFile(folder.file, "PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
    }
  });
}
