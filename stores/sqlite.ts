/**
 * What the stores in a SQLite database have in common, in memory or in a file: all but how messages get in.
 *
 * @module
 */

import type { Kept, TopicEntry } from "../protocol/answers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Limits, Time } from "./admission.ts";
import type { Engine } from "./engine.ts";
import { Feed } from "./feed.ts";
import type { Holdings } from "./holdings.ts";
import type { PutOnce } from "./put_once.ts";
import {
  because,
  type Bounds,
  type Follower,
  type Page,
  type Put,
  type Query,
  type Store,
  type Stored,
  type StoreError,
  type TopicQuery,
} from "./store.ts";

/** How a store in SQLite is opened. */
export interface SqliteOptions {
  readonly engine: Engine;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Tells the time, in milliseconds since 1970. */
  readonly clock: { now(): number };
  /** How much it takes. What is not said is as a server has it by default. */
  readonly limits?: Partial<Limits>;
}

const USUAL: Limits = {
  storedBytes: LIMITS.storedBytes.usual,
  overflow: "reject",
  topics: LIMITS.topics.usual,
  window: LIMITS.inFlight.usual,
};

/** A store in a SQLite database. Every answer leaves out what has expired. */
export abstract class SqliteStore implements Store {
  abstract readonly epoch: string;
  abstract readonly kept: Kept;
  abstract readonly description: string;

  protected readonly feed: Feed = new Feed();
  protected readonly limits: Limits;
  protected readonly time: Time;
  protected readonly retention: number;
  protected closed = false;

  /**
   * Takes the options.
   *
   * @param options engine, retention, clock and limits
   */
  constructor({ retention, clock, limits }: SqliteOptions) {
    this.limits = { ...USUAL, ...limits };
    this.retention = retention;
    const now = () => Math.floor(clock.now());
    this.time = { now, cutoff: () => now() - retention };
  }

  /** What it holds; throws where it cannot be used. */
  protected abstract get holdings(): Holdings;
  /** What was put once. */
  protected abstract get puts(): PutOnce;
  /** Closes the database; called once. */
  protected abstract close(): void;

  abstract append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]>;

  read(queries: readonly Query[]): Promise<readonly Page[]> {
    return this.ask("read messages", (holdings) => queries.map((query) => holdings.page(query)));
  }

  bounds(): Promise<Bounds> {
    return this.ask("find the last message", ({ span: { floor, last } }) => {
      return { floor, last, recalls: this.puts.recalls };
    });
  }

  positionAt(time: number): Promise<number> {
    return this.ask("find a time", ({ span }) => span.upTo(time - 1));
  }

  topics(query: TopicQuery): Promise<readonly TopicEntry[]> {
    return this.ask("list topics", (holdings) => holdings.list(query));
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.ask("purge messages", (holdings) => {
      const end = performance.now() + budgetMs;
      this.puts.expire(this.time.now());
      // What has expired goes first: where the database is full, that makes room for the tail.
      if (!holdings.purgeUntil(end, budgetMs / 8)) return true;
      holdings.moveTail();
      return !holdings.purgeUntil(end, budgetMs / 8);
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

  /** Answers a question, with what has expired left out. */
  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  protected async ask<T>(what: string, work: (holdings: Holdings) => T): Promise<T> {
    try {
      this.requireOpen();
      const { holdings } = this;
      holdings.span.expire(this.time.cutoff());
      return work(holdings);
    } catch (error) {
      throw because(what, error);
    }
  }
}
