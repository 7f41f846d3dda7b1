/**
 * What servers on files that were made of a backup answer to a repeated `messageId`, compared with what the original answers,
 * and with a simple model: over purges, retention, dropped messages and restarts, also while the backup is made.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { PutAck, Store } from "../../stores/store.ts";
import {
  type BackedUpStore,
  EVERYTHING,
  type Id,
  putOf,
  type Step,
} from "../support/backed_up_store.ts";
import { BackupFolder } from "../support/backup_folder.ts";

const [TOPICS, IDS, IDENTITIES] = [["a", "b"], ["1", "2"], ["", "me", "you"]];
/** Room for about six messages with an id. */
const SMALL = { storedBytes: 2000, overflow: "drop-oldest" } as const;

/** Every id that there can be, by everybody, in every topic. */
const ALL = TOPICS.flatMap((topic) =>
  IDS.flatMap((messageId) => IDENTITIES.map((identity) => ({ topic, messageId, identity })))
);
type Named = typeof ALL[number];

const topic = fc.constantFrom(...TOPICS);
const put = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...ALL).map((id): Step => ({ do: "put", count: 1, ...id })),
  },
  { weight: 1, arbitrary: topic.map((topic): Step => ({ do: "put", topic, count: 2 })) },
);
const pass = fc.record({
  do: fc.constant("pass" as const),
  ms: fc.oneof(fc.nat(3), fc.nat(300), fc.constantFrom(999, 1000, 1001)),
});
const purge = fc.record({
  do: fc.constant("purge" as const),
  topic,
  left: fc.nat(2),
  max: fc.integer({ min: 1, max: 3 }),
});
const trim = fc.constant({ do: "trim" as const });
/** What happens while a backup is made. */
const meanwhile = fc.array<Step>(
  fc.oneof({ weight: 3, arbitrary: put }, pass, purge, trim),
  { maxLength: 5 },
);
const programs = fc.record({
  steps: fc.array<Step>(
    fc.oneof(
      { weight: 8, arbitrary: put },
      { weight: 3, arbitrary: pass },
      { weight: 2, arbitrary: purge },
      { weight: 1, arbitrary: trim },
      { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
    ),
    { minLength: 5, maxLength: 30, size: "max" },
  ),
  small: fc.boolean(),
  before: meanwhile,
  after: meanwhile,
  /** The time until the copy is opened. */
  away: fc.integer({ min: 1, max: 700 }),
});
type Program = typeof programs extends fc.Arbitrary<infer P> ? P : never;

const nameOf = ({ topic, messageId, identity }: Named) =>
  `${messageId} of "${identity}" in ${topic}`;

/** The number of the message that has each id, if there is one. */
function expected(
  { messages, clock }: BackedUpStore,
  last = Infinity,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { seq, goneAt, ...id } of messages) {
    if (id.messageId === undefined || seq > last || goneAt <= clock.now()) continue;
    found.set(nameOf({ topic: id.topic, ...id as Required<Id> }), seq);
  }
  return found;
}

/** Puts a message with each id; returns the numbers of those that had it, and of the new ones. */
async function putAll(
  store: Store,
): Promise<{ readonly dups: Map<string, number>; readonly added: Map<string, number> }> {
  const acks = await store.apply({ time: store.now(), commands: ALL.map(putOf) });
  const [dups, added] = [new Map<string, number>(), new Map<string, number>()];
  for (const [i, id] of ALL.entries()) {
    const { seq, dup } = acks[i] as PutAck;
    (dup ? dups : added).set(nameOf(id), seq);
  }
  return { dups, added };
}

async function seqs(store: Store): Promise<number[]> {
  const [page] = await store.read([{ prefix: "", ...EVERYTHING }]);
  return page!.messages.map(({ seq }) => seq);
}

async function run(kind: "memory" | "file", program: Program): Promise<void> {
  await using folder = new BackupFolder(kind, program.small ? SMALL : {});
  const { original } = folder;
  await original.run(program.steps);
  const { info } = await folder.copy(
    original.store,
    "copy",
    (part) => original.run(program[part]),
  );
  await original.run([{ do: "pass", ms: program.away }]);
  const wanted = expected(original, info.last);
  let known: ReadonlyMap<string, number>;
  {
    await using copy = folder.open("copy");
    const before = await seqs(copy);
    const { dups, added } = await putAll(copy);
    assertEquals(dups, wanted, "the copy");
    // Nothing else is stored, and the new ones have new numbers.
    assertEquals(await seqs(copy), [...before, ...added.values()]);
    assertEquals([...added.values()], Array.from(added, (_, i) => info.last + 1 + i));
    known = new Map([...dups, ...added]);
  }
  {
    // What was put into the original since is not in the copy; all else is as there.
    const there = expected(original);
    for (const [id, seq] of there) if (seq <= info.last) assertEquals(wanted.get(id), seq, id);
    // To put them all would drop some of a small store.
    if (!program.small) assertEquals((await putAll(original.store)).dups, there, "the original");
  }
  {
    await using copy = folder.open("copy");
    assertEquals((await putAll(copy)).dups, known, "the copy, opened again");
    await folder.copy(copy, "second");
    await copy.apply({ time: copy.now(), commands: [{ type: "purge", topic: "a", max: 1000 }] });
    const { dups } = await putAll(copy);
    assertEquals(dups, new Map([...known].filter(([id]) => id.endsWith("b"))), "purged");
  }
  await using second = folder.open("second");
  assertEquals((await putAll(second)).dups, known, "a copy of the copy");
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`a server on a copy answers a repeated messageId as the original does: ${kind}`, async () => {
    await fc.assert(fc.asyncProperty(programs, (program) => run(kind, program)), {
      numRuns: Number(Deno.env.get("DSMQ_MODEL_RUNS")) || 25,
    });
  });
}
