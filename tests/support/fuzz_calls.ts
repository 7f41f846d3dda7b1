/**
 * What the clients of the fuzzer of breaks do: they read, subscribe and put until the last message has come.
 *
 * @module
 */

import { attributesOf } from "./fuzz_attributes.ts";
import type { FuzzClient } from "./fuzz_client.ts";
import type { Records } from "./fuzz_records.ts";
import type { VirtualTime } from "./fuzz_time.ts";
import type { Random } from "../../testing/seeded.ts";

/** What the clients of a run do. */
export type ResumeKind = "reads" | "newest" | "streams" | "puts" | "mixed" | "prefixes";

/** All of them. */
export const RESUME_KINDS: readonly ResumeKind[] = [
  "reads",
  "newest",
  "streams",
  "puts",
  "mixed",
  "prefixes",
];

/** What streams of the kind `prefixes` read: everything, the topics that begin with `a`, and one topic. */
const PREFIXES = ["*", "a*", "a"];

/** Where streams begin. */
const FROM_TOPICS = ["cursor", "cursor", "start", "now"] as const;
const FROM_PREFIXES = ["cursor", "start", "start", "start", "now"] as const;

/** For how long there are faults, in milliseconds. */
export const CHAOS = 2500;

/** The message that is put last. */
export const END = "the end";

/** The calls of one run. */
export class FuzzCalls {
  /** What was begun and must end. */
  readonly loops: Promise<unknown>[] = [];
  /** There are no faults any more. */
  calm = false;
  readonly #kind: ResumeKind;
  readonly #topics: readonly string[];
  readonly #narrow: boolean;
  readonly #records: Records;
  readonly #time: VirtualTime;
  readonly #random: Random;
  #lastBody = 0;

  /** `narrow`: few puts may be unanswered. */
  constructor(
    kind: ResumeKind,
    topics: readonly string[],
    narrow: boolean,
    records: Records,
    time: VirtualTime,
    random: Random,
  ) {
    this.#kind = kind;
    this.#topics = topics;
    this.#narrow = narrow;
    this.#records = records;
    this.#time = time;
    this.#random = random;
  }

  /** Starts what the client does. */
  begin(client: FuzzClient): void {
    const random = this.#random;
    if (this.#kind === "prefixes") {
      for (const prefix of PREFIXES) this.loops.push(this.#streams(client, prefix));
      this.loops.push(this.#puts(client));
    }
    for (const topic of this.#topics) {
      switch (this.#kind) {
        case "reads":
          this.loops.push(this.#reads(client, topic));
          break;
        case "newest":
          this.loops.push(this.#newest(client, topic));
          break;
        case "streams":
          this.loops.push(this.#streams(client, topic));
          break;
        case "mixed":
          if (random(3) > 0) this.loops.push(this.#reads(client, topic));
          if (random(2) > 0) this.loops.push(this.#streams(client, topic));
      }
    }
    if (this.#kind === "puts" || this.#kind === "mixed") this.loops.push(this.#puts(client));
  }

  /** Gets and waits, some of them together, until the last message has come. */
  async #reads(client: FuzzClient, topic: string): Promise<void> {
    const random = this.#random;
    await this.pause(random(300));
    for (let over = false; !over;) {
      const calls = Array.from({ length: 1 + (random(2) && random(4)) }, () => {
        const plain = random(2) === 0;
        if (random(3) > 0) return client.read(topic, "oldest", { plain });
        const abort = random(4) === 0 ? new AbortController() : undefined;
        if (abort) this.#time.after(random(80), () => abort.abort());
        const timeout = [0, random(20), random(200), random(1500)][random(4)]!;
        return client.read(topic, "wait", { plain, timeout, signal: abort?.signal });
      });
      await Promise.all(calls.map(({ ended }) => ended));
      over = calls.some(({ call }) => isEnd(call.outcome));
      // A session that read nothing for a while is a case of its own.
      await this.pause(this.calm ? random(5) : random(20) === 0 ? random(800) : random(60));
    }
  }

  async #newest(client: FuzzClient, topic: string): Promise<void> {
    const random = this.#random;
    for (let over = false; !over;) {
      const calls = Array.from(
        { length: 1 + (random(3) === 0 ? 1 : 0) },
        () => client.read(topic, "newest", { plain: random(2) === 0 }),
      );
      await Promise.all(calls.map(({ ended }) => ended));
      over = calls.some(({ call }) => isEnd(call.outcome));
      await this.pause(random(this.calm ? 5 : 100));
    }
  }

  async #streams(client: FuzzClient, topic: string): Promise<void> {
    const isOfPrefixes = this.#kind === "prefixes";
    // Prefixes have no cursor: they begin later, too, when something may be gone already.
    await this.pause(this.#random(isOfPrefixes ? CHAOS : 300));
    const all = isOfPrefixes ? FROM_PREFIXES : FROM_TOPICS;
    const since = all[this.#random(all.length)]!;
    const { log, cancel } = client.subscribe(topic, since);
    while (!log.events.some(({ outcome }) => isEnd(outcome)) && !log.ended) await this.pause(5);
    await cancel();
  }

  async #puts(client: FuzzClient): Promise<void> {
    const random = this.#random;
    while (this.#time.now < CHAOS) {
      const together = Array.from({ length: 1 + random(4) }, () => {
        const list = random(this.#narrow ? 2 : 4) === 0;
        const count = list ? 1 + random(random(this.#narrow ? 2 : 5) === 0 ? 40 : 5) : 1;
        const [topic, bodies] = [this.topic(), this.bodies(count)];
        const put = client.put(topic, bodies, list);
        if (!this.#records.repeats || random(3) > 0) return put;
        return Promise.all([put, this.#repeat(client, topic, bodies.filter(hasId))]).then(() => {});
      });
      // Some go on before they are answered.
      if (random(this.#kind === "puts" ? 2 : 3) === 0) this.loops.push(...together);
      else await Promise.all(together);
      await this.pause(random(60));
    }
  }

  /** Puts messages again, now or later, together or alone. */
  async #repeat(client: FuzzClient, topic: string, bodies: readonly string[]): Promise<void> {
    if (bodies.length === 0) return;
    if (this.#random(2) === 0) await this.pause(this.#random(400));
    await client.put(topic, bodies, this.#random(2) === 0 || bodies.length > 1, true);
  }

  /** A topic of the run. */
  topic(): string {
    return this.#topics[this.#random(this.#topics.length)]!;
  }

  /** New texts. */
  bodies(count: number): string[] {
    return Array.from({ length: count }, () => {
      const long = this.#random(this.#records.refuses ? 3 : 12) === 0
        ? "x".repeat(this.#random(500))
        : "";
      return `m${++this.#lastBody}${long}`;
    });
  }

  /** Waits for this long (ms), by the time of the run. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }
}

function hasId(body: string): boolean {
  return attributesOf(body).messageId !== undefined;
}

function isEnd(outcome: { readonly kind: string; readonly body?: string } | undefined): boolean {
  return outcome?.kind === "message" && outcome.body!.startsWith(END);
}
