import { assertEquals, assertMatch } from "@std/assert";
import type { HistoryEntry } from "./history.ts";
import {
  acknowledged,
  calm,
  done,
  end,
  gap,
  historyOf,
  nothing,
  opened,
  put,
  read,
  reader,
  reading,
  stored,
  wait,
} from "./made_history.ts";
import { judge } from "./oracle/oracle.ts";

/** Histories that are good. */
const GOOD: Readonly<Record<string, readonly (HistoryEntry | number)[]>> = {
  "a message that is put and read": [
    ...[opened(1, "f"), reader("subscribe"), reading, ...done(1), read(1), end],
  ],
  "a put that is stored as the process dies, and acknowledged by the next": [
    ...[opened(1, "f"), put(1), opened(2, "f", [1]), acknowledged(1), end],
  ],
  "a memory that is lost, of which the reader is told": [
    ...[opened(1, "a"), reader("wait"), reading, ...done(1), read(1)],
    ...[opened(2, "b"), gap, put(2), stored(2, { seq: 1, opening: 2 }), acknowledged(2, 1)],
    ...[read(1, { opening: 2, body: "m2" }), end],
  ],
  "what was stored before a reader connected, and is not for it": [
    ...[opened(1, "f"), ...done(1), reader("wait", "now"), reading, ...done(2), read(2), end],
  ],
  "a wait that ends at its timeout": [opened(1, "f"), wait(7), 5000, nothing(7), end],
  "a wait whose process slept": [
    ...[opened(1, "f"), wait(7), { kind: "stopped", process: "r" } as const, 90_000],
    ...[{ kind: "woken", process: "r" } as const, 4900, nothing(7), end],
  ],
};

/** Histories that must never be, and what is said of them. */
const BAD: Readonly<Record<string, readonly [RegExp, ...(HistoryEntry | number)[]]>> = {
  "acknowledged, and not stored": [
    /acknowledged .* is not there/,
    opened(1, "f"),
    put(1),
    acknowledged(1),
    end,
  ],
  "acknowledged under another number": [
    /acknowledged as number 7/,
    opened(1, "f"),
    put(1),
    stored(1),
    acknowledged(1, 7),
    end,
  ],
  "stored twice": [/stored twice/, opened(1, "f"), ...done(1), stored(1, { seq: 2 }), end],
  "acknowledged, and stored again in a new memory": [
    ...[/stored again after/, opened(1, "a"), ...done(1), opened(2, "b")] as const,
    ...[stored(1, { opening: 2 }), end],
  ],
  "a number that is used twice": [
    /stored after number 1/,
    opened(1, "f"),
    ...done(1),
    put(2),
    stored(2, { seq: 1 }),
    acknowledged(2, 1),
    end,
  ],
  "lost over a restart": [/lost in opening 2/, opened(1, "f"), ...done(1), opened(2, "f"), end],
  "numbers that are missing after a restart": [
    /numbers from 2 to 3 are missing/,
    opened(1, "f"),
    ...done(1),
    { ...opened(2, "f", [1]), last: 3 } as HistoryEntry,
    end,
  ],
  "stored, and never put": [/never put/, opened(1, "f"), stored(1), end],
  "stored in another order": [
    /which was put later/,
    opened(1, "f"),
    put(1),
    put(2),
    stored(2, { seq: 1 }),
    stored(1, { seq: 2 }),
    acknowledged(1, 2),
    acknowledged(2, 1),
    end,
  ],
  "a put that fails without a reason": [/failed with unavailable/, opened(1, "f"), put(1), {
    kind: "put_failed",
    call: 1,
    code: "unavailable",
  }, end],
  "an unknown outcome, and nothing was lost": [/outcome .* is unknown/, opened(1, "f"), put(1), {
    kind: "put_failed",
    call: 1,
    code: "unknown_outcome",
  }, end],
  "a put that never ends": [/has never ended/, opened(1, "f"), put(1), stored(1), end],
  "read twice": [
    /after number 1/,
    opened(1, "f"),
    reader("wait"),
    reading,
    ...done(1),
    read(1),
    read(1),
    end,
  ],
  "read in another order": [
    /after number 2/,
    opened(1, "f"),
    reader("wait"),
    reading,
    ...done(1),
    ...done(2),
    read(2),
    read(1),
    end,
  ],
  "passed over": [
    /not number 1 .* before it/,
    opened(1, "f"),
    reader("subscribe"),
    reading,
    ...done(1),
    ...done(2),
    read(2),
    end,
  ],
  "gone, and the stream is not told": [
    ...[/gone untold/, opened(1, "f"), reader("subscribe"), reading, ...done(1), read(1)] as const,
    ...[...done(2), 600_010, ...done(3), read(3), end],
  ],
  "a new memory, and the reader is not told": [
    ...[/was not told/, opened(1, "a"), reader("wait"), reading, ...done(1), read(1)] as const,
    ...[opened(2, "b"), put(2), stored(2, { seq: 1, opening: 2 }), acknowledged(2, 1)],
    ...[read(1, { opening: 2, body: "m2" }), end],
  ],
  "told of a gap, and nothing is gone": [
    /nothing is gone/,
    opened(1, "f"),
    reader("wait"),
    reading,
    gap,
    end,
  ],
  "read from before it connected": [
    /before it connected/,
    opened(1, "f"),
    ...done(1),
    10,
    reader("wait", "now"),
    reading,
    read(1),
    end,
  ],
  "read, and never stored": [/never stored/, opened(1, "f"), reader("wait"), reading, read(1), end],
  "a reader that is not woken": [
    /was not woken/,
    opened(1, "f"),
    reader("wait"),
    reading,
    calm,
    40_000,
    ...done(1),
    2000,
    read(1),
    end,
  ],
  "a wait that never ends": [/has not returned/, opened(1, "f"), wait(7), end],
  "a wait that takes too long": [/took/, opened(1, "f"), wait(7), 7000, nothing(7), end],
  "a wait that gives up early": [/gave up/, opened(1, "f"), wait(7), 3000, nothing(7), end],
  "a fault of the run itself": [
    /^uncaught/,
    opened(1, "f"),
    { kind: "fault", what: "uncaught" },
    end,
  ],
};

for (const [name, steps] of Object.entries(GOOD)) {
  Deno.test(`the oracle takes a good history for one: ${name}`, () => {
    assertEquals(judge(historyOf(...steps)), []);
  });
}

for (const [name, [said, ...steps]] of Object.entries(BAD)) {
  Deno.test(`the oracle refuses a history: ${name}`, () => {
    assertMatch(judge(historyOf(...steps)).join("\n"), said);
  });
}
