import { assertEquals, assertMatch } from "@std/assert";
import type { HistoryEntry } from "./history.ts";
import {
  aborted,
  began,
  claimed,
  done,
  drained,
  end,
  ended,
  extended,
  finished,
  historyOf,
  holder,
  opened,
  put,
  stored,
} from "./made_history.ts";
import { judge } from "./oracle/oracle.ts";

/** A server, a message, and a holder that may get it. */
const START = [opened(1, "f"), ...done(1), holder("a")] as const;

/** The job of the first message is claimed and done. */
const DONE = [claimed("a", 1, 1), began("a", 1), ended("a", 1), finished(1, "done")] as const;

/** Two messages with one key. */
const KEYED = [
  ...[opened(1, "f"), put(1), stored(1, { key: "k" }), put(2), stored(2, { key: "k" })],
  ...[holder("a"), holder("b")],
] as const;

/** Histories that are good. */
const GOOD: Readonly<Record<string, readonly (HistoryEntry | number)[]>> = {
  "a job that is done": [...START, ...DONE, drained(), end],
  "an outcome that is repeated after a break": [...START, ...DONE, finished(1, "done"), end],
  "a job that goes to another when its lease has ended": [
    ...[...START, holder("b"), claimed("a", 1, 1), began("a", 1), aborted("a", 1)],
    ...[claimed("b", 2, 1, { attempt: 2, clock: 1000 }), began("b", 2, { seq: 1 })],
    ...[finished(1, "lost", { clock: 1000 }), ended("b", 2), finished(2, "done", { clock: 1000 })],
    ...[drained(), end],
  ],
  "a job that is given back, and counts as if it had not been claimed": [
    ...[
      ...START,
      claimed("a", 1, 1),
      began("a", 1),
      ended("a", 1, "retry"),
      finished(1, "release"),
    ],
    ...[claimed("a", 2, 1), began("a", 2, { seq: 1 }), ended("a", 2), finished(2, "done"), end],
  ],
  "a file that is opened again, with a job that is still held": [
    ...[...START, claimed("a", 1, 1), began("a", 1), opened(2, "f", [1]), ended("a", 1)],
    ...[finished(1, "done", { opening: 2 }), drained(), end],
  ],
  "jobs of one key, one after another": [
    ...[...KEYED, claimed("a", 1, 1), began("a", 1), ended("a", 1), finished(1, "done")],
    ...[claimed("b", 2, 2), began("b", 2), ended("b", 2), finished(2, "done")],
  ].concat([
    { kind: "acknowledged", call: 1, seq: 1 },
    { kind: "acknowledged", call: 2, seq: 2 },
    end,
  ]),
  "a dead job": [
    ...[...START, claimed("a", 1, 1), began("a", 1), ended("a", 1, "retry"), finished(1, "dead")],
    ...[drained(1), end],
  ],
};

/** Histories that must never be, and what is said of them. */
const BAD: Readonly<Record<string, readonly [RegExp, ...(HistoryEntry | number)[]]>> = {
  "two valid claims of one job": [
    ...[/claim 1 of it is still valid/, ...START, holder("b"), claimed("a", 1, 1)] as const,
    ...[claimed("b", 2, 1, { attempt: 2, clock: 999 }), end],
  ],
  "an extended lease that is not": [
    ...[/claim 1 of it is still valid/, ...START, holder("b"), claimed("a", 1, 1)] as const,
    ...[extended("a", 900), claimed("b", 2, 1, { attempt: 2, clock: 1500 }), end],
  ],
  "a claim that is forgotten at a restart": [
    ...[/claim 1 of it is still valid/, ...START, claimed("a", 1, 1), opened(2, "f", [1])] as const,
    ...[holder("b", { opening: 2 }), claimed("b", 2, 1, { attempt: 2, opening: 2 }), end],
  ],
  "a claim that is used again": [
    ...[
      /claims have come to 2/,
      ...START,
      ...done(2),
      claimed("a", 2, 1),
      claimed("a", 2, 2),
      end,
    ] as const,
  ],
  "a job that is done, and claimed again": [
    /it is done/,
    ...START,
    ...DONE,
    claimed("a", 2, 1, { attempt: 2 }),
    end,
  ],
  "a dead job that is claimed again": [
    ...[/it is dead/, ...START, claimed("a", 1, 1), finished(1, "dead")] as const,
    ...[claimed("a", 2, 1, { attempt: 2 }), end],
  ],
  "an attempt that is not counted": [
    ...[/it is attempt 1, and not 2/, ...START, claimed("a", 1, 1), finished(1, "retry")] as const,
    ...[claimed("a", 2, 1), end],
  ],
  "a claim that nobody has asked for": [
    /nobody has asked for it/,
    ...START,
    claimed("b", 1, 1),
    end,
  ],
  "a job of no message": [/none of its messages/, ...START, claimed("a", 1, 7), end],
  "an outcome that counts though another one has the job": [
    ...[/another one has its job/, ...START, holder("b"), claimed("a", 1, 1)] as const,
    ...[claimed("b", 2, 1, { attempt: 2, clock: 1000 }), finished(1, "done", { clock: 1000 }), end],
  ],
  "a job that is taken away from who still holds it": [
    ...[
      /its lease has not ended/,
      ...START,
      claimed("a", 1, 1),
      finished(1, "lost", { clock: 500 }),
      end,
    ] as const,
  ],
  "an outcome of nobody": [/nobody has it/, ...START, finished(1, "done"), end],
  "a later job of a key that is claimed first": [/has its key/, ...KEYED, claimed("a", 1, 2), end],
  "two jobs of a key at once": [
    /has its key/,
    ...KEYED,
    claimed("a", 1, 1),
    claimed("b", 2, 2),
    end,
  ],
  "a job that passes one that is to be tried again": [
    ...[
      /has its key/,
      ...KEYED,
      claimed("a", 1, 1),
      finished(1, "retry"),
      claimed("b", 2, 2),
      end,
    ] as const,
  ],
  "a job that is forgotten": [/has not done 1 jobs/, ...START, ...done(2), ...DONE, drained(), end],
  "a handler of a job that nobody gave it": [/nobody gave it that/, ...START, began("a", 1), end],
  "a handler that begins twice": [
    /begun twice/,
    ...START,
    claimed("a", 1, 1),
    began("a", 1),
    began("a", 1),
    end,
  ],
  "more handlers than there may be": [
    ...[
      /2 handlers run at once/,
      ...START,
      ...done(2),
      claimed("a", 1, 1),
      claimed("a", 2, 2),
    ] as const,
    ...[began("a", 1), began("a", 2), end],
  ],
  "a handler that goes on while another one has its job": [
    ...[
      /still works on it/,
      ...START,
      holder("b"),
      claimed("a", 1, 1),
      began("a", 1),
      2000,
    ] as const,
    ...[claimed("b", 2, 1, { attempt: 2, clock: 1000 }), end],
  ],
  "a job that is done, and its handler has not said so": [
    ...[
      /has not said so/,
      ...START,
      claimed("a", 1, 1),
      began("a", 1),
      finished(1, "done"),
      end,
    ] as const,
  ],
  "a handler that never ends": [/neither ended/, ...START, claimed("a", 1, 1), began("a", 1), end],
};

for (const [name, steps] of Object.entries(GOOD)) {
  Deno.test(`the oracle takes a good history of a group for one: ${name}`, () => {
    assertEquals(judge(historyOf(...steps)), []);
  });
}

for (const [name, [said, ...steps]] of Object.entries(BAD)) {
  Deno.test(`the oracle refuses a history of a group: ${name}`, () => {
    assertMatch(judge(historyOf(...steps)).join("\n"), said);
  });
}
