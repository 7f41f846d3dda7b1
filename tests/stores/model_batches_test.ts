/**
 * Stores compared with a model: batches of puts and purges, several in one turn, repetitions of sessions, and processes
 * that are killed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  type Command,
  type PurgeResult,
  type Put,
  type PutAck,
  type Result,
  type Store,
  StoreError,
} from "../../stores/store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { identified } from "../../testing/store/message_ids.ts";
import { apply, put, trim } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { check, Model, type Setting, TOPICS } from "../support/store_model.ts";

/** A file takes longer. */
const RUNS = { "in memory": 40, "in a file": 15 };
const STEPS = 80;

/** A store that can be opened again: closed properly, or from what a killed process left on the disk. */
class Reopened implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly #open: (path: string) => Store;
  readonly #killed: Store[] = [];
  #number = 0;
  store: Store;

  constructor(open: (path: string) => Store) {
    this.#open = open;
    this.store = open(this.#path);
  }

  async restart(): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    this.store = this.#open(this.#path);
  }

  kill(): void {
    this.#killed.push(this.store);
    const before = this.#path;
    this.#number++;
    for (const end of ["", "-wal"]) Deno.copyFileSync(`${before}${end}`, `${this.#path}${end}`);
    this.store = this.#open(this.#path);
  }

  get #path(): string {
    return `${this.#folder}/${this.#number}.db`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of [...this.#killed, this.store]) await store[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Draws commands; the numbers of sessions grow, and some come again. */
class Draw {
  readonly #random: Random;
  readonly #setting: Setting;
  readonly #sent: Put[] = [];
  #n = 0;

  constructor(random: Random, setting: Setting) {
    this.#random = random;
    this.#setting = setting;
  }

  batch(model: Model, now: number): Command[] {
    const random = this.#random;
    const count = 1 + random(random(4) ? 5 : 60);
    return Array.from({ length: count }, () => {
      const topic = TOPICS[random(TOPICS.length)]!;
      if (random(12) === 0) {
        const before = [undefined, { seq: 1 + random(model.last + 3) }, {
          time: now - random(this.#setting.retention),
        }][random(3)];
        return { type: "purge", topic, before, max: 1 + random(6) };
      }
      const repeated = this.#sent[random(this.#sent.length)];
      if (repeated && random(4) === 0) return repeated;
      return this.#put(topic);
    });
  }

  #put(topic: string): Put {
    const random = this.#random;
    const text = "x".repeat(random(random(12) ? 30 : 3000));
    const kind = random(10);
    const one = kind < 3
      ? attributed({ key: "ä".repeat(1 + random(9)) }, topic, text)
      : kind < 6
      ? identified(`ä${random(6)}`, { topic, text, identity: `${random(2)}` })
      : put(topic, text);
    // With records of puts, less fits: the model does not know how much, so only where there is room for all.
    if (this.#setting.limits.storedBytes < 1e6 || random(2) === 0) return one;
    const session = `s${random(3)}`;
    const numbered = { ...one, session, n: this.#n += 1 + random(2) };
    this.#sent.push(numbered);
    return numbered;
  }
}

/** What became of a command, as the model says it. */
function outcomeOf(result: Result | StoreError): unknown {
  if (result instanceof StoreError) return result.code;
  const { seq, dup } = result as PutAck;
  if (seq !== undefined) return dup ? `dup ${seq}` : seq;
  const { purged, more } = result as PurgeResult;
  return [purged, more];
}

async function run(
  random: Random,
  setting: Setting,
  clock: ManualClock,
  reopened: Reopened,
  isFile: boolean,
) {
  const model = new Model(setting, clock);
  const draw = new Draw(random, setting);
  for (let step = 0; step < STEPS; step++) {
    const chance = random(100);
    if (chance < 70) {
      const commands = draw.batch(model, clock.now());
      const cut = random(3) === 0 ? random(commands.length + 1) : commands.length;
      const batches = [commands.slice(0, cut), commands.slice(cut)];
      const results = await Promise.all(batches.map((batch) => apply(reopened.store, batch)));
      for (const [i, batch] of batches.entries()) {
        model.begin();
        const expected = batch.map((one) =>
          one.type === "purge" ? model.purge(one) : model.put(one as Put)
        );
        assertEquals(results[i]!.map(outcomeOf), expected, `step ${step}: the outcomes`);
      }
    } else if (chance < 82) clock.advance(random(random(4) ? 30 : 1.3 * setting.retention));
    else if (chance < 92) await trim(reopened.store, random(2) ? 0.01 : 50);
    else if (isFile) {
      if (random(2)) await reopened.restart();
      else reopened.kill();
      model.reopened();
    }
    await check(reopened.store, model, random);
  }
}

for (const kind of ["in memory", "in a file"] as const) {
  Deno.test(`a store ${kind} behaves as its model, with batches of puts and purges, repetitions${kind === "in a file" ? ", and kills" : ""}`, async () => {
    for (let seed = 1; seed <= RUNS[kind]; seed++) {
      const random = seeded(seed);
      const setting: Setting = {
        retention: [60, 300, 5000][random(3)]!,
        limits: {
          topics: [3, 100][random(2)]!,
          storedBytes: [3000, 60_000, 1e6][random(3)]!,
          overflow: random(2) ? "drop-oldest" : "reject",
          goneTopics: [1, 2, 100][random(3)]!,
        },
      };
      const clock = new ManualClock();
      const options = { engine: nodeSqlite, clock, ...setting };
      await using reopened = new Reopened((path) =>
        kind === "in memory"
          ? new MemoryStore(options)
          : new FileStore({ ...options, path, durability: "process" })
      );
      try {
        await run(random, setting, clock, reopened, kind === "in a file");
      } catch (error) {
        throw new Error(`seed ${seed}: ${JSON.stringify(setting)}`, { cause: error });
      }
    }
  });
}
