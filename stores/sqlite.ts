/**
 * What the stores in a SQLite database have in common, in memory or in a file: all but how messages get in.
 *
 * @module
 */

import type { Kept, TopicEntry } from "../protocol/answers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NameMap } from "../protocol/name_map.ts";
import type { Clock } from "../queue/clock.ts";
import { type Limits, RECORDS_PART } from "./admission.ts";
import type { Engine } from "./engine.ts";
import { Feed } from "./feed.ts";
import { GONE_SIZE } from "./gone_map.ts";
import type { Holdings } from "./holdings.ts";
import { Parts } from "./parts.ts";
import { MOST_RUNS, type PutOnce, RUN_SIZE } from "./put_once.ts";
import {
  because,
  type Bounds,
  type Follower,
  type Known,
  type Page,
  type Put,
  type Query,
  type Standing,
  type StandingQuery,
  type Store,
  type Stored,
  type StoreError,
  type TopicQuery,
} from "./store.ts";
import { StoreTime } from "./store_time.ts";

/** How a store in SQLite is opened. */
export interface SqliteOptions {
  readonly engine: Engine;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Tells the time at which it is opened, and how much passes. */
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** How much it takes. What is not said is as a server has it by default. */
  readonly limits?: Partial<Limits>;
  /** Calls back once the network was looked at. Default: the system's. */
  readonly afterLook?: ((callback: () => void) => void) | undefined;
}

const USUAL: Limits = {
  storedBytes: LIMITS.storedBytes.usual,
  overflow: "reject",
  topics: LIMITS.topics.usual,
  window: LIMITS.inFlight.usual,
  runs: MOST_RUNS,
  gone: 100_000,
  epochs: 1000,
};

/** This much may be remembered, however little may be stored. */
const LEAST = 1000;

/** Where little may be stored, little is remembered of puts and of what is gone. */
function withinBytes(limits: Limits): Limits {
  const { storedBytes, runs, gone } = limits;
  const most = (size: number) => Math.max(LEAST, Math.floor(storedBytes * RECORDS_PART / size));
  return {
    ...limits,
    runs: Math.min(runs, most(RUN_SIZE)),
    gone: Math.min(gone, most(GONE_SIZE)),
  };
}

/** A store in a SQLite database. Every answer leaves out what has expired. */
export abstract class SqliteStore implements Store {
  abstract readonly id: string;
  abstract readonly epoch: string;
  abstract readonly kept: Kept;
  abstract readonly description: string;

  protected readonly feed: Feed = new Feed();
  protected readonly limits: Limits;
  protected readonly time: StoreTime;
  protected readonly retention: number;
  protected closed = false;
  /** What takes long goes on in these, one part of one thing at a time. */
  protected readonly parts: Parts;

  /**
   * Takes the options.
   *
   * @param options engine, retention, clock and limits
   */
  constructor({ retention, clock, limits, afterLook }: SqliteOptions) {
    this.parts = new Parts(afterLook);
    this.limits = withinBytes({ ...USUAL, ...limits });
    this.retention = retention;
    this.time = new StoreTime(clock, retention);
  }

  /** What it holds; throws where it cannot be used. */
  protected abstract get holdings(): Holdings;
  /** What was put once. */
  protected abstract get puts(): PutOnce;
  /** Where the epochs before this one ended. */
  protected abstract readonly ends: NameMap<number>;
  /** Closes the database; called once. */
  protected abstract close(): void;

  abstract append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]>;

  read(queries: readonly Query[]): Promise<readonly Page[]> {
    return this.ask("read messages", (holdings) => queries.map((query) => holdings.page(query)));
  }

  bounds(): Promise<Bounds> {
    return this.ask("find the last message", (holdings, now) => this.#bounds(holdings, now));
  }

  standings(queries: readonly StandingQuery[]): Promise<readonly Standing[]> {
    return this.ask("find how things stand", (holdings, now) => {
      const bounds = this.#bounds(holdings, now);
      return queries.map(({ topic, epoch }) => ({
        ...bounds,
        end: this.#endOf(epoch, bounds.last),
        gone: topic === undefined ? undefined : holdings.gone.of(topic, bounds.floor),
      }));
    });
  }

  recalls(session: string, known?: Known, owner?: string): Promise<boolean> {
    return this.ask("find a session", ({ span }, now) => {
      const { puts } = this;
      puts.open(session, now, owner);
      if (!known) return true;
      const end = this.#endOf(known.epoch, span.last);
      return end !== undefined && known.seq <= end && puts.recalls(session, known.seq);
    });
  }

  forget(session: string): Promise<void> {
    return this.ask("forget a session", () => this.puts.forget(session));
  }

  positionAt(time: number): Promise<number> {
    return this.ask("find a time", ({ span }) => span.upTo(time - 1));
  }

  async topics(query: TopicQuery): Promise<readonly TopicEntry[]> {
    const found: TopicEntry[] = [];
    for (let { after } = query;;) {
      const count = query.count - found.length;
      const listed = await this.ask(
        "list topics",
        (holdings) => holdings.list({ ...query, after, count }),
      );
      found.push(...listed.topics);
      if (listed.after === undefined) return found;
      after = listed.after;
      // Others go first: where very many have expired and are not deleted yet, it takes long to find the rest.
      await new Promise<void>((resolve) => this.parts.next(resolve));
    }
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.ask("purge messages", (holdings, now) => {
      const end = performance.now() + budgetMs;
      const more = this.puts.expire(now);
      // What has expired goes first: where the database is full, that makes room for the tail.
      if (!holdings.purgeUntil(end, budgetMs / 8)) return true;
      holdings.moveTail();
      return !holdings.purgeUntil(end, budgetMs / 8) || more;
    });
  }

  follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    return this.ask("follow", ({ span }) => this.feed.follow(to, span.last));
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.feed.close();
    this.close();
  }

  /** Throws once it is closed. */
  protected requireOpen(): void {
    if (this.closed) throw new Error("the store is closed");
  }

  #bounds({ span: { floor, last } }: Holdings, time: number): Bounds {
    this.time.tell(time);
    return { floor, last, time };
  }

  #endOf(epoch: string | undefined, last: number): number | undefined {
    return epoch === undefined || epoch === this.epoch ? last : this.ends.get(epoch);
  }

  /** Answers a question, with what has expired left out: all of it as it is at one time. */
  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  protected async ask<T>(what: string, work: (holdings: Holdings, now: number) => T): Promise<T> {
    try {
      this.requireOpen();
      const { holdings } = this;
      const now = this.time.now();
      holdings.span.expire(now - this.retention);
      return work(holdings, now);
    } catch (error) {
      throw because(what, error);
    }
  }
}
