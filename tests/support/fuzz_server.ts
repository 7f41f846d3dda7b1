/**
 * A server of the fuzzers, without a port: it can be stopped, killed, and restarted with an older file; and all that it
 * ever stored is on record.
 *
 * @module
 */

import { encodeAttributes } from "../../protocol/attributes.ts";
import { attributesOf } from "./fuzz_attributes.ts";
import type { ServerLimits } from "../../protocol/limits.ts";
import { systemClock } from "../../queue/clock.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Store } from "../../stores/store.ts";
import { DelayedStore } from "./delayed_store.ts";
import { copyFile, removeFile } from "./fuzz_files.ts";
import { recordPurges } from "./fuzz_purges.ts";
import type { GapDoubt, Opening, Recorded, Records } from "./fuzz_records.ts";
import type { FuzzTokens } from "./fuzz_tokens.ts";
import type { VirtualTime } from "./fuzz_time.ts";
import { openContext } from "./memory_peer.ts";

/** How a server keeps messages. */
export interface StoreChoice {
  readonly kind: "memory" | "file";
  /** Answers late, with delays of this seed. */
  readonly late?: number | undefined;
  /** In milliseconds. */
  readonly retention: number;
  readonly limits?: Partial<StoreLimits>;
  readonly serverLimits?: Partial<ServerLimits>;
  /** Its clients have tokens that expire. */
  readonly tokens?: FuzzTokens | undefined;
}

/** What a file is a copy of. */
interface FileBefore {
  readonly opening: Opening;
  /** Up to where. */
  readonly last: number;
  readonly doubt?: GapDoubt;
}

/** No connection is away for longer, in milliseconds. */
const SHORT = 60_000;

const EVERYTHING = { after: 0, count: 1_000_000, bytes: 1e9 };

/** A server without a port. */
export class FuzzServer {
  /** The running server; without one, nobody answers. */
  host: ServerContext & AsyncDisposable | undefined;
  /** Its records since it was opened. */
  opening: Opening | undefined;
  /** Nobody can reach it. */
  away = false;
  /** Called when it ends: cuts its connections. */
  onEnd: (orderly: boolean) => void = () => {};
  readonly choice: StoreChoice;
  readonly #time: VirtualTime;
  readonly #records: Records;
  readonly #folder: string;
  readonly #name: string;
  #openings = 0;
  #path: string;
  #backup: {
    readonly path: string;
    readonly opening: Opening;
    readonly last: number;
    /** Set if it was made of a backup. */
    readonly doubt?: GapDoubt;
  } | undefined;
  /** What the file is a copy of, and up to where. */
  #goesOnWith: FileBefore | undefined;

  /** There is no server yet. */
  constructor(
    name: string,
    choice: StoreChoice,
    time: VirtualTime,
    records: Records,
    folder: string,
  ) {
    this.choice = choice;
    this.#name = name;
    this.#time = time;
    this.#records = records;
    this.#folder = folder;
    records.refuses ||= choice.limits?.overflow === "reject";
    records.forgets ||= choice.retention < SHORT;
    this.#path = `${folder}/${name}.db`;
  }

  /** Opens its store, and answers from then on. */
  async open(): Promise<void> {
    const { kind, late, retention, limits = {}, serverLimits } = this.choice;
    const number = this.#records.openings.length;
    const options = { engine: nodeSqlite, retention, clock: systemClock, limits };
    const inner: Store = kind === "memory"
      ? new MemoryStore(options)
      : new FileStore({ ...options, path: this.#path, durability: "process" });
    const before = kind === "file" ? this.#goesOnWith : undefined;
    const { last } = await inner.bounds();
    const opening: Opening = {
      number,
      epoch: inner.epoch,
      store: kind === "file" ? this.#name : `${this.#name} ${number}`,
      begin: last,
      known: new Map(
        before ? [...before.opening.known, [before.opening.number, before.last]] : [],
      ),
      messages: await this.#readBack(inner, before),
      purges: [],
      doubt: before?.doubt ?? before?.opening.doubt,
      last,
      openedAt: this.#time.now,
      killed: false,
    };
    await this.#record(inner, opening);
    recordPurges(inner, opening, this.#records, this.#time);
    const seed = late === undefined ? undefined : late + this.#openings++;
    const store = seed === undefined ? inner : new DelayedStore(inner, { seed });
    // A late store needs time to pass before it is followed.
    const host = await this.#time.of(openContext(store, systemClock, serverLimits), "opening");
    const { accessControl } = this.choice.tokens ?? host;
    this.host = { ...host, accessControl, welcome: { ...host.welcome, retention } };
    this.opening = opening;
    this.#records.openings.push(opening);
  }

  /** Stores a message without a client. */
  async put(topic: string, ...bodies: string[]): Promise<void> {
    const { host } = this;
    if (!host) return;
    await host.queue.apply(bodies.map((text) => {
      const body = JSON.stringify(text);
      const attributes = encodeAttributes(attributesOf(text));
      const put = { type: "put" as const, topic, body, bytes: body.length };
      return attributes
        ? { ...put, bytes: body.length + attributes.bytes, attributes: attributes.json }
        : put;
    })).catch(() => {});
  }

  /** Closes its store gracefully. */
  async stop(): Promise<void> {
    const { host, opening } = this;
    if (!host || !opening) return;
    this.#end(true);
    await this.#time.of(host[Symbol.asyncDispose](), "closing");
    // What was in progress was still stored.
    if (this.choice.kind === "file") this.#goesOnWith = { opening, last: opening.last };
  }

  /** Ends at once, as by `kill -9`: what the file holds at this moment is what the next server finds. */
  async kill(): Promise<void> {
    const { host, opening } = this;
    if (!host || !opening) return;
    const path = this.#path;
    if (this.choice.kind === "file") {
      this.#goesOnWith = { opening, last: opening.last };
      this.#path = this.#copied();
    }
    this.#end(false);
    opening.killed = true;
    await this.#time.of(host[Symbol.asyncDispose](), "closing");
    if (this.choice.kind === "file") removeFile(path);
  }

  /** Keeps a copy of its file as it is now. */
  backUp(): void {
    const opening = this.opening ?? this.#goesOnWith?.opening;
    if (this.choice.kind !== "file" || !opening) return;
    const last = this.opening ? opening.last : this.#goesOnWith!.last;
    this.#backup = { path: this.#copied(), opening, last };
  }

  /** Keeps a file that was made of a backup, to restore that. */
  keep(path: string, opening: Opening, last: number, doubt: GapDoubt): void {
    if (this.choice.kind !== "file") return;
    this.#backup = { path, opening, last, doubt };
  }

  /** Restores the copy, while it is stopped; false if there is none. */
  restore(): boolean {
    if (!this.#backup || this.host) return false;
    const { path, ...before } = this.#backup;
    // It knows no session.
    this.#records.forgets ||= before.doubt !== undefined;
    const fresh = `${this.#folder}/${this.#name}.${this.#time.steps}.restored.db`;
    copyFile(path, fresh);
    this.#path = fresh;
    this.#goesOnWith = before;
    return true;
  }

  #end(orderly: boolean): void {
    this.opening!.ended = true;
    this.host = undefined;
    this.opening = undefined;
    this.onEnd(orderly);
  }

  #copied(): string {
    const path = `${this.#folder}/${this.#name}.${this.#time.steps}.${Math.random()}.db`;
    copyFile(this.#path, path);
    return path;
  }

  /** Compares what a file holds with what it should hold. */
  async #readBack(
    store: Store,
    before: FileBefore | undefined,
  ): Promise<Recorded[]> {
    if (!before) return [];
    const then = before.opening.messages.filter(({ seq }) => seq <= before.last);
    const { droppedAtEnd = Infinity } = before.opening;
    const back: Recorded[] = [];
    for (const [topic, messages] of Map.groupBy(then, ({ topic }) => topic)) {
      const [page] = await store.read([{ topic, ...EVERYTHING }]);
      const there = new Set(page!.messages.map(({ seq }) => seq));
      const { time: now, floor } = await store.bounds();
      for (const message of messages) {
        const { seq, body, at, time } = message;
        if (there.has(seq)) {
          // What was dropped after the copy was made is there again.
          back.push({ ...message, goneAt: at + this.choice.retention, purged: false });
          continue;
        }
        const goneAt = Math.min(message.goneAt, seq <= floor ? droppedAtEnd : Infinity);
        back.push({ ...message, goneAt: Math.min(goneAt, this.#time.now) });
        // By the time of the store, which is in whole milliseconds and behind the moment at which the message was recorded.
        const hasExpired = time + this.choice.retention <= now;
        if (goneAt > this.#time.now + 2 && !hasExpired) {
          this.#records.faults.push(`the file has lost ${body}`);
        }
      }
    }
    return back.sort((one, other) => one.seq - other.seq);
  }

  /** Records what is stored, at the moment when it is. */
  async #record(store: Store, opening: Opening): Promise<void> {
    const { messages, lost, faults, openings } = this.#records;
    // Whether it was in the same store, in a history that is lost.
    const isSetBack = (message: Recorded, { store }: Opening) =>
      openings.some((other) => other.store === store && other.messages.includes(message));
    const { retention, limits } = this.choice;
    await store.follow({
      stored: (batch) => {
        if (opening.killed) return;
        for (const { seq, time, topic, body: json } of batch) {
          const body = JSON.parse(json) as string;
          const { now: at, steps: step } = this.#time;
          const { callCount: order } = this.#records;
          const recorded = { seq, time, topic, body, at, step, order, goneAt: at + retention };
          const before = messages.get(body);
          if (before) {
            const there = opening.messages.some((message) => message.body === body);
            if (there || !isSetBack(before, opening)) faults.push(`${body} is stored twice`);
            lost.push(before);
          }
          opening.messages.push(recorded);
          messages.set(body, recorded);
          opening.last = seq;
        }
        if (limits?.overflow === "drop-oldest") void this.#dropped(store, opening);
      },
      lost: () => {},
    });
  }

  async #dropped(store: Store, opening: Opening): Promise<void> {
    const { now } = this.#time;
    const bounds = await store.bounds().catch(() => undefined);
    if (!bounds) return void (opening.droppedAtEnd ??= now);
    for (const message of opening.messages) {
      if (message.seq > bounds.floor) break;
      message.goneAt = Math.min(message.goneAt, now);
    }
  }
}
