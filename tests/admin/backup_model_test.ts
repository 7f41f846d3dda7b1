/**
 * What servers on files that were made of a backup tell their readers, for every position and time, compared with what the
 * original tells, and with a simple model: over purges, retention, dropped messages and restarts, also while the backup is made.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Backup, BackupInfo, TopicGone } from "@dsmq/server";
import type { WireSince } from "../../protocol/requests.ts";
import { locatePositions } from "../../queue/positions.ts";
import { BackupFile } from "../../stores/backup_file.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Purge, Store } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { closeAll, connectedPair } from "../support/connected_pair.ts";
import { openContext } from "../support/memory_peer.ts";

const TOPICS = ["a", "b", "c"];
const RETENTION = 1000;
/** Room for about nine messages. */
const SMALL = { storedBytes: 1000, overflow: "drop-oldest" } as const;
const EVERYTHING = { after: 0, count: 1000, bytes: 1e6 };

type Step =
  | { readonly do: "put"; readonly topic: string; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "purge"; readonly topic: string; readonly left: number; readonly max: number }
  | { readonly do: "trim" | "restart" };

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
  before: meanwhile,
  after: meanwhile,
  /** The time until the copy is opened. */
  away: fc.integer({ min: 1, max: 2000 }),
});
type Program = typeof programs extends fc.Arbitrary<infer P> ? P : never;

interface Stored {
  readonly topic: string;
  readonly seq: number;
  readonly time: number;
  goneAt: number;
  /** It was removed before it expired. */
  isRemoved: boolean;
}

/** Where a reader is, and up to when it was connected. */
interface Reader {
  readonly topic: string;
  readonly after: number;
  readonly epoch: string;
  readonly asOf: number;
}

/** The server that is backed up, and what was ever in it. */
class Original {
  readonly clock = new ManualClock();
  readonly messages: Stored[] = [];
  /** Each epoch with its last number, and the times at which readers were connected. */
  readonly epochs: { readonly epoch: string; last: number; readonly times: number[] }[] = [];
  store: Store;
  readonly #open: (clock: ManualClock) => Store;

  constructor(open: (clock: ManualClock) => Store) {
    this.#open = open;
    this.store = this.#opened();
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#run(step);
  }

  async #run(step: Step): Promise<void> {
    const { store, clock } = this;
    switch (step.do) {
      case "put":
        for (let i = 0; i < step.count; i++) {
          const put = { type: "put" as const, topic: step.topic, body: '"m"', bytes: 3 };
          const [ack] = await store.apply({ time: clock.now(), commands: [put] });
          const { seq } = ack as { seq: number };
          const time = clock.now();
          this.messages.push({
            topic: step.topic,
            seq,
            time,
            goneAt: time + RETENTION,
            isRemoved: false,
          });
          this.epochs.at(-1)!.last = seq;
        }
        // What was dropped for it is gone from the next millisecond on.
        await this.#note(clock.now() + 1);
        break;
      case "pass":
        clock.advance(step.ms);
        break;
      case "purge": {
        const there = this.messages.filter(({ topic, goneAt }) =>
          topic === step.topic && goneAt > clock.now()
        );
        const seq = there.at(-step.left)?.seq ?? 1;
        const before = step.left === 0 ? undefined : { seq };
        const purge: Purge = { type: "purge", topic: step.topic, before, max: step.max };
        await store.apply({ time: clock.now(), commands: [purge] });
        await this.#note(clock.now() + 0.5);
        break;
      }
      case "trim":
        await store.trim(1000);
        break;
      case "restart":
        await store[Symbol.asyncDispose]();
        this.store = this.#opened();
    }
    this.epochs.at(-1)!.times.push(clock.now());
  }

  /** What cannot be read any more, and has not expired, went at this time. */
  async #note(at: number): Promise<void> {
    const [page] = await this.store.read([{ prefix: "", ...EVERYTHING }]);
    const left = new Set(page!.messages.map(({ seq }) => seq));
    for (const message of this.messages) {
      if (left.has(message.seq) || message.goneAt <= this.clock.now()) continue;
      message.goneAt = Math.min(message.goneAt, at);
      message.isRemoved = true;
    }
  }

  #opened(): Store {
    const store = this.#open(this.clock);
    const last = this.epochs.at(-1)?.last ?? 0;
    if (store.epochEnds === undefined || [...store.epochEnds].length === 0) {
      // A new history, in memory.
      this.epochs.length = this.messages.length = 0;
    }
    const isNew = this.epochs.length === 0;
    this.epochs.push({ epoch: store.epoch, last: isNew ? 0 : last, times: [this.clock.now()] });
    return store;
  }
}

/** Makes a file of a backup, as the command does. */
async function copy(
  store: Store,
  clock: ManualClock,
  path: string,
  during: (part: "before" | "after") => Promise<void> = async () => {},
): Promise<{ readonly info: BackupInfo; readonly gone: readonly TopicGone[] }> {
  const context = await openContext(store, clock);
  const host = { ...context, welcome: { ...context.welcome, retention: RETENTION } };
  const { mq } = await connectedPair(host);
  const backup: Backup = await mq.backup();
  const file = new BackupFile(nodeSqlite, path, backup.info);
  await during("before");
  for await (const message of backup) file.add(message);
  await during("after");
  const gone: TopicGone[] = [];
  for await (const entry of backup.gone()) {
    file.addGone(entry);
    if (entry.topic !== undefined) gone.push(entry);
  }
  file.finish();
  await closeAll(mq);
  return { info: backup.info, gone };
}

/** What readers are told, and what they get up to a number. */
async function answers(
  store: Store,
  wanted: readonly { readonly topic: string; readonly since: WireSince }[],
  last: number,
): Promise<string[]> {
  const positions = await locatePositions(store, wanted);
  const pages = await store.read(
    wanted.map(({ topic }, i) => ({ topic, ...EVERYTHING, after: positions[i]!.after })),
  );
  return positions.map(({ gap }, i) => {
    const seqs = pages[i]!.messages.map(({ seq }) => seq).filter((seq) => seq <= last);
    return [...gap ? [gap.error.code] : [], ...seqs].join(" ");
  });
}

/** Compares a store with the original. */
async function check(
  name: string,
  store: Store,
  { store: original, messages, epochs, clock }: Original,
  { info: { last }, gone }: { readonly info: BackupInfo; readonly gone: readonly TopicGone[] },
): Promise<void> {
  const now = clock.now();
  const isGone = ({ isRemoved, goneAt }: Stored) => isRemoved || goneAt <= now;
  // Of these the copy knows exactly what is gone, and nothing that came later is gone from the original.
  const exact = new Set(gone.filter(({ seq }) => seq <= last).map(({ topic }) => topic));
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
  const misses = ({ topic, after, asOf }: Reader, covers = topic) =>
    messages.some((one) =>
      one.topic.startsWith(covers) && one.seq > after && one.seq <= last && isGone(one) &&
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
  const { openedAt = Infinity } = store;
  const bounds = await store.topicBounds(readers.map(({ after, epoch, asOf }) => {
    return { prefix: "", after, epoch, asOf: Math.min(asOf, openedAt) };
  }));
  for (const [i, reader] of readers.entries()) {
    const what = `${name}, all topics: ${JSON.stringify(reader)}`;
    if (misses(reader, "")) assert(bounds[i]!.gone!.seq > reader.after, what);
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

async function run(kind: "memory" | "file", program: Program): Promise<void> {
  const folder = Deno.makeTempDirSync();
  const options = { engine: nodeSqlite, retention: RETENTION };
  const open = (name: string, clock: ManualClock, limits = {}) =>
    new FileStore({
      ...options,
      clock,
      limits,
      path: `${folder}/${name}`,
      durability: "process",
    });
  const limits = program.small ? SMALL : {};
  const original = new Original((clock) =>
    kind === "memory"
      ? new MemoryStore({ ...options, clock, limits })
      : open("original", clock, limits)
  );
  const { clock } = original;
  try {
    await original.run(program.steps);
    const made = await copy(
      original.store,
      clock,
      `${folder}/copy`,
      (part) => original.run(program[part]),
    );
    clock.advance(program.away);
    {
      await using store = open("copy", clock);
      await check("the copy", store, original, made);
    }
    await using again = open("copy", clock);
    await check("the copy, opened again", again, original, made);
    clock.advance(1);
    // It knows no more than that one.
    const { gone } = await copy(again, clock, `${folder}/second`);
    const exact = new Set(gone.map(({ topic }) => topic));
    clock.advance(1);
    await using second = open("second", clock);
    await check("a copy of the copy", second, original, {
      info: made.info,
      gone: made.gone.filter(({ topic }) => exact.has(topic)),
    });
  } finally {
    await original.store[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`a server on a copy tells each reader what the original would, and never less: ${kind}`, async () => {
    await fc.assert(fc.asyncProperty(programs, (program) => run(kind, program)), {
      numRuns: Number(Deno.env.get("DSMQ_MODEL_RUNS")) || 25,
    });
  });
}
