/**
 * Random programs of concurrent calls: two to twelve in one turn of the event loop, over several turns and
 * several connections.
 *
 * @module
 */

import fc from "fast-check";

/** One call, or an action on an earlier one. `who` counts the clients, and wraps. */
export type Step =
  | {
    readonly do: "read";
    readonly who: number;
    readonly topic: string;
    readonly mode: "oldest" | "newest" | "wait";
    /** By `get`, `getLatest` and `getWait`, which return the text alone. */
    readonly plain: boolean;
    readonly timeout: number;
    /** Whether it can be cancelled. */
    readonly signal: boolean;
  }
  /** `late`: a message for it is on its way already. */
  | { readonly do: "abort"; readonly which: number; readonly late: boolean }
  | {
    readonly do: "put";
    readonly who: number;
    readonly topic: string;
    readonly count: number;
    readonly list: boolean;
  }
  /** Stored by another client, at once. */
  | { readonly do: "arrive"; readonly topic: string; readonly count: number }
  | {
    readonly do: "subscribe";
    readonly who: number;
    /** A topic, or a prefix with a `*` behind it. */
    readonly topic: string;
    readonly since: "cursor" | "start" | "now";
  }
  | { readonly do: "leave"; readonly which: number }
  /** All of a topic, or what is older than a time (ms). */
  | {
    readonly do: "purge";
    readonly who: number;
    readonly topic: string;
    readonly ago: number | undefined;
  }
  | { readonly do: "topics"; readonly who: number }
  | { readonly do: "close"; readonly who: number };

/** What is done in one turn, and what comes after it. */
export interface Turn {
  readonly steps: readonly Step[];
  /** How long it is until the next turn (ms). */
  readonly pass: number;
  /** Before the next turn all clients have to change to the other server. */
  readonly move: boolean;
}

/** A program, and its environment. */
export interface Program {
  /** Determines the delays of the network and of the store. */
  readonly seed: number;
  readonly clients: number;
  readonly since: "start" | "now";
  readonly servers: 1 | 2;
  /** In milliseconds. */
  readonly retention: number;
  /** How many bytes are stored at most; the oldest are dropped. */
  readonly stored: number | undefined;
  readonly heartbeat: number;
  readonly turns: readonly Turn[];
}

/** The topics of programs. */
export const TOPICS = ["a", "b"];

const who = fc.nat(2);
const which = fc.nat(3);
// Mostly one topic: so calls meet.
const topic = fc.constantFrom("a", "a", "a", "b");
// Long enough for many to be cancelled before their timeout.
const timeout = fc.oneof(fc.constantFrom(0, 0, 1, 5, 100, 300, 2000, 2000), fc.nat(60));
const modes = ["oldest", "oldest", "wait", "wait", "newest"] as const;
const mode = fc.constantFrom(...modes);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      who,
      topic,
      mode,
      plain: fc.boolean(),
      timeout,
      signal: fc.nat(3).map((n) => n > 0),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({ do: fc.constant("abort" as const), which, late: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      who,
      topic,
      count: fc.integer({ min: 1, max: 4 }),
      list: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("arrive" as const),
      topic,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      who,
      topic: fc.constantFrom("a", "a", "a", "b", "*", "a*"),
      since: fc.constantFrom(
        "cursor" as const,
        "cursor" as const,
        "start" as const,
        "now" as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("topics" as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("purge" as const),
      who,
      topic,
      ago: fc.option(fc.nat(200), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), who }) },
);

const turn: fc.Arbitrary<Turn> = fc.record({
  steps: fc.array(step, { minLength: 2, maxLength: 12, size: "max" }),
  pass: fc.oneof(fc.constantFrom(0, 3, 20, 20, 200), fc.nat(100), fc.nat(700)),
  move: fc.nat(9).map((n) => n === 0),
});

/** All programs. */
export const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(1_000_000),
  clients: fc.constantFrom(1, 1, 2, 3),
  since: fc.constantFrom("start" as const, "now" as const),
  servers: fc.constantFrom(1 as const, 1 as const, 2 as const),
  retention: fc.constantFrom(600_000, 600_000, 500, 60),
  stored: fc.constantFrom(undefined, undefined, undefined, 600, 1200),
  heartbeat: fc.constantFrom(100, 10_000),
  turns: fc.array(turn, { minLength: 1, maxLength: 8, size: "max" }),
});
