import { assertEquals, assertMatch } from "@std/assert";
import type { HistoryEntry } from "./history.ts";
import {
  acknowledged,
  asked,
  done,
  end,
  failed,
  foundNothing,
  historyOf,
  put,
  read,
  reader,
  reading,
  shared,
  stored,
} from "./made_history.ts";
import { judge } from "./oracle/oracle.ts";

/** Histories of servers that share a log: they are good. */
const GOOD: Readonly<Record<string, readonly HistoryEntry[]>> = {
  "what is told while a reader asks may be missing": [
    ...[shared, reader("poll"), reading, put(1), stored(1), asked, acknowledged(1)],
    ...[foundNothing, asked, read(1), end],
  ],
  "what a reader has read is nothing new": [
    ...[shared, reader("poll"), reading, ...done(1), asked, read(1), asked, foundNothing, end],
  ],
  "the newest message, past all before it": [
    ...[shared, reader("latest"), reading, ...done(1), ...done(2), asked, read(2), end],
  ],
  "what was told before a reader connected from now": [
    ...[shared, ...done(1), reader("poll", "now"), reading, asked, foundNothing, end],
  ],
  "a put that fails without the log, and is not stored": [
    ...[shared, put(1), failed(1, "unavailable"), put(2), failed(2, "busy"), end],
  ],
  "a put of which nobody knows, and that is stored": [
    ...[shared, put(1), failed(1, "unknown_outcome"), stored(1), end],
  ],
};

/** Those that must never be, and what is said of them. */
const BAD: Readonly<Record<string, readonly [RegExp, ...HistoryEntry[]]>> = {
  "a reader finds nothing, and somebody was told before": [
    ...[/found nothing, and not number 1 .* it is stale/, shared, reader("poll"), reading] as const,
    ...[...done(1), asked, foundNothing, end],
  ],
  "a reader from now finds nothing, and somebody was told before it asked": [
    ...[/found nothing, and not number 1/, shared, reader("poll", "now"), reading] as const,
    ...[...done(1), asked, foundNothing, end],
  ],
  "the newest message is not the newest": [
    ...[
      /read number 1 .*, not number 2 .* it is stale/,
      shared,
      reader("latest"),
      reading,
    ] as const,
    ...[...done(1), ...done(2), asked, read(1), end],
  ],
  "a reader from now reads what was told before": [
    ...[/stored before it connected/, shared, ...done(1), reader("poll", "now"), reading] as const,
    ...[asked, read(1), end],
  ],
  "a put that is said to have failed is stored later": [
    /is stored, and its put has failed/,
    ...[shared, put(1), failed(1, "unavailable"), stored(1), end],
  ],
  "a put that is stored is said to have failed": [
    /failed with unavailable, and it is stored/,
    ...[shared, put(1), stored(1), failed(1, "unavailable"), end],
  ],
  "a put that fails for another reason": [
    ...[/failed with full/, shared, put(1), failed(1, "full"), end] as const,
  ],
};

for (const [name, entries] of Object.entries(GOOD)) {
  Deno.test(`the oracle finds nothing wrong with several servers: ${name}`, () => {
    assertEquals(judge(historyOf(...entries)), []);
  });
}

for (const [name, [expected, ...entries]] of Object.entries(BAD)) {
  Deno.test(`the oracle finds with several servers: ${name}`, () => {
    assertMatch(judge(historyOf(...entries)).join(), expected);
  });
}
