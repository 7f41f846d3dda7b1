/**
 * What servers on files that were made of a backup tell their readers, for every position and time, compared with what the
 * original tells, and with a simple model: over purges, retention, dropped messages and restarts, also while the backup is made.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { BackupInfo, TopicGone } from "@dsmq/server";
import type { WireSince } from "../../protocol/requests.ts";
import { locatePositions } from "../../queue/positions.ts";
import type { Store } from "../../stores/store.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import {
  type BackedUpStore,
  EVERYTHING,
  putOf,
  RETENTION,
  type Step,
  type Stored,
} from "../support/backed_up_store.ts";
import { BackupFolder } from "../support/backup_folder.ts";

/** The empty one is of dsmq 1.x. */
const TOPICS = ["a", "b", ""];
/** Room for about nine messages. */
const SMALL = { storedBytes: 1000, overflow: "drop-oldest" } as const;

const topic = fc.constantFrom(...TOPICS);
const put = fc.record({
  do: fc.constant("put" as const),
  topic,
  count: fc.integer({ min: 1, max: 3 }),
});
const pass = fc.record({
  do: fc.constant("pass" as const),
  ms: fc.oneof(fc.nat(3), fc.nat(400), fc.constantFrom(999, 1000, 1001)),
});
const purge = fc.record({
  do: fc.constant("purge" as const),
  topic,
  left: fc.nat(2),
  max: fc.integer({ min: 1, max: 3 }),
});
const trim = fc.constant({ do: "trim" as const });
/** What happens while a backup is made. */
const meanwhile = fc.array<Step>(fc.oneof(put, pass, purge, trim), { maxLength: 5 });
const programs = fc.record({
  steps: fc.array<Step>(
    fc.oneof(
      { weight: 4, arbitrary: put },
      { weight: 4, arbitrary: pass },
      { weight: 3, arbitrary: purge },
      { weight: 1, arbitrary: trim },
      { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
    ),
    { minLength: 3, maxLength: 20, size: "max" },
  ),
  small: fc.boolean(),
  /** Of how many topics the original knows exactly what is gone. */
  known: fc.constantFrom(1, 2, 100),
  before: meanwhile,
  after: meanwhile,
  /** The time until the copy is opened. */
  away: fc.integer({ min: 1, max: 2000 }),
});
type Program = typeof programs extends fc.Arbitrary<infer P> ? P : never;

/** Where a reader is, and up to when it was connected. */
interface Reader {
  readonly topic: string;
  readonly after: number;
  readonly epoch: string;
  readonly asOf: number;
}

/** What readers are told, and what they get up to a number. */
async function answers(
  store: Store,
  wanted: readonly { readonly topic: string; readonly since: WireSince }[],
  last: number,
): Promise<string[]> {
  const positions = await locatePositions({ store }, wanted);
  const pages = await store.read(
    wanted.map(({ topic }, i) => ({ topic, ...EVERYTHING, after: positions[i]!.after })),
  );
  return positions.map(({ gap }, i) => {
    const seqs = pages[i]!.messages.map(({ seq }) => seq).filter((seq) => seq <= last);
    return [...gap ? [gap.error.code] : [], ...seqs].join(" ");
  });
}

/** The newest message that is gone of any topic, and went since readers were connected. */
async function goneOfAny(store: Store, readers: readonly Reader[]): Promise<number[]> {
  const { openedAt = Infinity } = store;
  const bounds = await store.topicBounds(readers.map(({ epoch, asOf }) => {
    return { prefix: "", epoch, asOf: epoch === store.epoch ? asOf : Math.min(asOf, openedAt) };
  }));
  return bounds.map(({ gone }) => gone?.seq ?? 0);
}

/** How a copy was made. */
interface Made {
  readonly info: BackupInfo;
  readonly gone: readonly TopicGone[];
  /** The original knows of all topics what is gone. */
  readonly isExact: boolean;
}

/** Compares a store with the original. */
async function check(
  name: string,
  store: Store,
  { store: original, messages, epochs, clock }: BackedUpStore,
  { info: { last }, gone, isExact }: Made,
): Promise<void> {
  const now = clock.now();
  const isGone = ({ isRemoved, goneAt }: Stored) => isRemoved || goneAt <= now;
  // Of these the copy knows exactly what is gone, and nothing that came later is gone from the original.
  const exact = new Set(
    gone.filter(({ seq }) => isExact && seq <= last).map(({ topic }) => topic),
  );
  for (const one of messages) if (one.seq > last && isGone(one)) exact.delete(one.topic);
  const readers: Reader[] = TOPICS.flatMap((topic) =>
    epochs.flatMap(({ epoch, last: end, times }) =>
      [...new Set(times)].flatMap((asOf) =>
        Array.from(
          { length: Math.min(end, last) + 1 },
          (_, after) => ({ topic, after, epoch, asOf }),
        )
      )
    )
  );
  const wanted = readers.map(({ topic, ...since }) => ({ topic, since }));
  const expected = await answers(original, wanted, last);
  const actual = await answers(store, wanted, last);
  const there = (topic: string, after: number) =>
    messages.filter((one) =>
      one.topic === topic && one.seq > after && one.seq <= last && !isGone(one)
    ).map(({ seq }) => seq);
  const misses = ({ topic, after, asOf }: Reader, covers: "topic" | "all" = "topic") =>
    messages.some((one) =>
      (covers === "all" || one.topic === topic) && one.seq > after && one.seq <= last &&
      isGone(one) &&
      one.goneAt > asOf
    );
  for (const [i, reader] of readers.entries()) {
    const what = `${name}: ${JSON.stringify(reader)}`;
    const [code, ...seqs] = actual[i]!.startsWith("trimmed")
      ? actual[i]!.split(" ")
      : ["", ...actual[i]!.split(" ")];
    assertEquals(seqs.join(" "), there(reader.topic, reader.after).join(" "), what);
    if (misses(reader)) assertEquals(code, "trimmed", what);
    if (exact.has(reader.topic)) assertEquals(actual[i], expected[i], what);
  }
  // Of all topics it may know only that as much is gone as of any.
  const [goneThere, goneHere] = await Promise.all(
    [original, store].map((one) => goneOfAny(one, readers)),
  );
  for (const [i, reader] of readers.entries()) {
    const what = `${name}, all topics: ${JSON.stringify(reader)}`;
    if (misses(reader, "all")) assert(goneHere![i]! > reader.after, what);
    if (isExact && goneThere![i] === 0) assertEquals(goneHere![i], 0, what);
  }
  const times = [...new Set(epochs.flatMap(({ times }) => times))];
  const since: WireSince[] = [
    "start",
    ...times.flatMap((time) => [{ time }, { time: time + 1 }]),
    ...times.map((time) => ({ ago: now - time })),
    ...Array.from({ length: last + 1 }, (_, after) => ({ after })),
  ];
  for (const topic of exact) {
    const wanted = since.map((since) => ({ topic, since }));
    assertEquals(
      await answers(store, wanted, last),
      await answers(original, wanted, last),
      `${name}: ${topic}`,
    );
  }
}

/** Topics can be purged, messages can be put, and all expire. */
async function assertGoesOn(store: Store, clock: ManualClock): Promise<void> {
  const purges = TOPICS.slice(1).map((topic) => ({ type: "purge", topic, max: 1000 } as const));
  const puts = TOPICS.map((topic) => putOf({ topic }));
  for (const result of await store.apply({ time: store.now(), commands: [...purges, ...puts] })) {
    assert(!(result instanceof Error), `${result}`);
  }
  clock.advance(RETENTION);
  assertEquals(await store.trim(1000), false);
  const [page] = await store.read([{ prefix: "", ...EVERYTHING }]);
  assertEquals(page!.messages, []);
}

async function run(kind: "memory" | "file", program: Program): Promise<void> {
  await using folder = new BackupFolder(kind, {
    ...program.small && SMALL,
    goneTopics: program.known,
  });
  const { original } = folder;
  const { clock } = original;
  await original.run(program.steps);
  const made = {
    ...await folder.copy(original.store, "copy", (part) => original.run(program[part])),
    isExact: program.known >= TOPICS.length,
  };
  // Meanwhile readers are connected to the original.
  await original.run([{ do: "pass", ms: program.away >> 1 }, { do: "pass", ms: program.away }]);
  {
    await using store = folder.open("copy");
    await check("the copy", store, original, made);
  }
  await using again = folder.open("copy");
  await check("the copy, opened again", again, original, made);
  clock.advance(1);
  // It knows no more than that one.
  const { gone } = await folder.copy(again, "second");
  const exact = new Set(gone.map(({ topic }) => topic));
  clock.advance(1);
  await using second = folder.open("second");
  await check("a copy of the copy", second, original, {
    ...made,
    gone: made.gone.filter(({ topic }) => exact.has(topic)),
  });
  for (const store of [again, second]) await assertGoesOn(store, clock);
}

/** A message of a topic of which is not known what is gone expires after newer ones of others were purged. */
const EXPIRES_LATER: Program = {
  steps: [{ do: "put", topic: "", count: 2 }, { do: "put", topic: "a", count: 1 }],
  small: false,
  known: 1,
  before: [
    { do: "put", topic: "b", count: 1 },
    { do: "purge", topic: "", left: 0, max: 1 },
  ],
  after: [{ do: "purge", topic: "a", left: 0, max: 1 }],
  away: 667,
};

for (const kind of ["memory", "file"] as const) {
  Deno.test(`of a topic of which a copy does not know what is gone, what expires there is told of: ${kind}`, async () => {
    await run(kind, EXPIRES_LATER);
  });

  Deno.test(`a server on a copy tells each reader what the original would, and never less: ${kind}`, async () => {
    await fc.assert(fc.asyncProperty(programs, (program) => run(kind, program)), {
      numRuns: Number(Deno.env.get("DSMQ_MODEL_RUNS")) || 25,
    });
  });
}
