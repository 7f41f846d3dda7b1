/**
 * Files that earlier versions wrote are opened with all that is in them. `fixtures/queue_v2.db` and later ones were made by
 * `programs/queue_fixture.ts`, and so were the files of killed processes; `queue_v1.db` by the code of its time: see
 * `upgrade_test.ts`.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { attributed } from "../../testing/store/attributes.ts";
import { claim, finish, stateOf } from "../../testing/store/group_support.ts";
import {
  append,
  numbered,
  outcomes,
  put,
  read,
  RETENTION,
  texts,
} from "../../testing/store/support.ts";
import { FileFolder } from "../support/file_folder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
/** The name of each file, the epochs in it, and its last message. */
const FILES = {
  queue_v2: {
    id: "4256e0e3-acb1-4a04-89fe-7feff9b94f19",
    epochs: ["47df0eb8-77a4-4fea-905f-a86a98979ef5", "3ea26b85-a641-463d-b04d-f9a612cb7ea4"],
    last: 7,
  },
  queue_v3: {
    id: "ab8bc950-793c-49dd-a333-47d3d9e9b6fd",
    epochs: ["2fd42194-933e-47d0-b1d6-f27435a9a339", "a357dd26-07c6-4dc1-b82d-a4ee2e0bd62d"],
    last: 9,
  },
  queue_v4: {
    id: "44c0c3b3-d27f-4f32-9b05-22bee43f6a44",
    epochs: ["6b2e1a85-7003-4e57-a453-8e4c6be13103", "b8bb1471-16c5-4c75-af9e-e87190063265"],
    last: 9,
  },
} as const;
/** When its last message was stored. */
const LAST = 1_767_226_201_000;
/** The claim that somebody holds in a file of version 4. */
const HELD = 1_767_226_201_000_003;

/** Puts files in place of a queue. */
function copyFixture(folder: FileFolder, ...parts: string[]): void {
  for (const part of parts) {
    const name = part.endsWith("-wal") ? `${folder.path}-wal` : folder.path;
    Deno.copyFileSync(new URL(part, FIXTURES), name);
  }
  folder.clock.set(LAST + 1000);
}

const VERSIONS = ["queue_v2", "queue_v3", "queue_v4"] as const;
const CASES = VERSIONS.flatMap((name) => [
  { name, parts: [`${name}.db`] },
  { name, parts: [`${name}_killed.db`, `${name}_killed.db-wal`] },
]);

for (const { name, parts } of CASES) {
  const { id, epochs, last } = FILES[name];
  Deno.test(`${parts[0]} is opened with its messages, numbers, epochs, sessions and gaps`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, ...parts);
    {
      await using store = folder.open();
      assertEquals(store.id, id);
      assertEquals(await texts(store, "t"), ["kept 1", "kept \0 3", "kept \u{1f995} 4"]);
      assertEquals((await texts(store, "u")).map((text) => text.trimEnd()), ["kept 2"]);
      const bounds = await store.bounds();
      assertEquals([bounds.floor, bounds.last], [3, last]);
      const queries = [...epochs, "unknown"].map((epoch) => ({ epoch, topic: "t" }));
      const standings = await store.topicBounds([...queries, { topic: "gone" }, { topic: "u" }]);
      assertEquals(standings.map(({ end }) => end), [5, last, undefined, last, last]);
      assertEquals(standings.map(({ gone }) => gone?.seq), [3, 3, 3, 1, undefined]);
      const again = [1, 2, 3].map((n) => numbered("session-1", n));
      assertEquals(await outcomes(store, [...again, numbered("session-2", 7)]), [
        ...["dup 4", "dup 5", "dup 6", "dup 7"],
      ]);
      assertEquals(await outcomes(store, [numbered("session-2", 6)]), ["superseded"]);
    }
    await using store = folder.open();
    assertEquals((await append(store, [put("t")]))[0]!.seq, last + 1);
    folder.clock.advance(RETENTION);
    assertEquals(await texts(store, "t"), []);
  });
}

for (const name of VERSIONS) {
  Deno.test(`${name}_killed.db without its log is refused, and opened in the way that the error says`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, `${name}_killed.db`);
    const { message } = assertThrows(
      () => folder.open(),
      Error,
      "is missing, and it holds messages",
    );
    const db = new DatabaseSync(folder.path);
    db.exec(/'(PRAGMA user_version = \d+)'/.exec(message)![1]!);
    db.close();
    await using store = folder.open();
    assertEquals(await texts(store, "t"), ["kept 1"]);
  });
}

for (const parts of CASES.filter(({ name }) => name === "queue_v2").map(({ parts }) => parts)) {
  Deno.test(`${parts[0]} is upgraded: its messages have no attributes, new ones do, and ids are recognised`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, ...parts);
    for (const outcome of [8, "dup 8", "dup 8"]) {
      await using store = folder.open();
      const { messages } = await read(store, { topic: "t" });
      assertEquals(messages.filter(({ attributes }) => attributes !== undefined), []);
      const one = attributed({ messageId: "m", key: "k" }, "new");
      assertEquals(await outcomes(store, [one]), [outcome]);
      assertEquals((await read(store, { topic: "new" })).messages[0]!.attributes, one.attributes);
    }
    const db = new DatabaseSync(folder.path, { readOnly: true });
    assertEquals(Number(db.prepare("PRAGMA user_version").get()!.user_version) & 0xff, 4);
    db.close();
  });
}

for (const { parts } of CASES.filter(({ name }) => name === "queue_v4")) {
  Deno.test(`${parts[0]} is opened with its groups, and what they have not finished`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, ...parts);
    const name = { prefix: "", group: "all" };
    await using store = folder.open();
    const { frontier, depth, delayed, held, dead } = await stateOf(store, name);
    assertEquals([frontier, depth, delayed, held, dead], [7, 3, 1, 1, 1]);
    const [job] = await store.deadJobs({ name, after: 0, count: 10, bytes: 1 });
    assertEquals([job!.message.seq, job!.attempt, job!.at, job!.reason], [5, 1, LAST, "no \0"]);
    assertEquals(await finish(store, [HELD], [], name), { lost: [], dead: [] });
    assertEquals(await finish(store, [HELD + 100], [], name), { lost: [HELD + 100], dead: [] });
    const jobs = await claim(store, "worker", 10, name);
    assertEquals(jobs.map(({ message, attempt }) => [message.seq, attempt]), [
      ...[[7, 2], [8, 1], [9, 1]],
    ]);
    assertEquals((await stateOf(store, name)).done, 2);
  });
}

for (const { parts } of CASES.filter(({ name }) => name !== "queue_v2")) {
  Deno.test(`${parts[0]} is opened with attributes and ids of messages`, async () => {
    using folder = new FileFolder();
    copyFixture(folder, ...parts);
    for (let opening = 0; opening < 2; opening++) {
      await using store = folder.open();
      const { messages } = await read(store, { topic: "v" });
      const attributes = { messageId: "m", key: "k\ud800", headers: { "h ä": "" }, delay: 5 };
      assertEquals(messages.map(({ attributes }) => attributes), [
        undefined,
        JSON.stringify(attributes),
      ]);
      const again = attributed({ messageId: "m" }, "v", "again");
      assertEquals(await outcomes(store, [again]), ["dup 9"]);
    }
  });
}
