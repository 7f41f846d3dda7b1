/**
 * A process that is killed while it upgrades a file of an earlier version leaves a file that can be opened.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { append, numbered, outcomes, put, texts } from "../../testing/store/support.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** When the last message was stored, and what each number of its sessions had. */
const FILES: Readonly<
  Record<string, { last: number; sessions: Readonly<Record<string, readonly string[]>> }>
> = {
  queue_v1: {
    last: 1_767_225_601_000,
    sessions: { "session-1": ["dup 3", "dup 4"], "session-2": ["dup 6"] },
  },
  queue_v2: { last: 1_767_226_201_000, sessions: { "session-1": ["dup 4", "dup 5"] } },
  queue_v2_killed: { last: 1_767_226_201_000, sessions: { "session-1": ["dup 4", "dup 5"] } },
};

for (const [name, { last, sessions }] of Object.entries(FILES)) {
  Deno.test(`${name}.db is opened with all that is in it, after whatever statement of its upgrade the process is killed`, async () => {
    using folder = new FileFolder();
    folder.clock.set(last + 1000);
    Deno.copyFileSync(new URL(`${name}.db`, FIXTURES), folder.path);
    if (name.includes("killed")) {
      Deno.copyFileSync(new URL(`${name}.db-wal`, FIXTURES), `${folder.path}-wal`);
    }
    const left: string[] = [];
    let isOpening = true;
    const engine = watchedEngine(() => {
      if (isOpening) left.push(folder.killed(`${left.length}`));
    });
    {
      await using _upgraded = folder.open(folder.path, engine);
      isOpening = false;
    }
    assert(left.length > 30, `${left.length} moments`);
    for (const [i, path] of left.entries()) {
      for (const added of [[], ["new"]]) {
        await using store = folder.open(path);
        const before = ["kept 1", "kept \0 3", "kept \u{1f995} 4"];
        assertEquals(await texts(store, "t"), [...before, ...added], `after statement ${i}`);
        for (const [session, answers] of Object.entries(sessions)) {
          const repeated = answers.map((_, n) => numbered(session, n + 1));
          assertEquals(await outcomes(store, repeated), [...answers], `after statement ${i}`);
        }
        if (added.length === 0) assertEquals((await append(store, [put("t", "new")]))[0]!.seq, 8);
      }
    }
  });
}
