/**
 * Histories made by hand, for tests of the oracle.
 *
 * @module
 */

import type { GroupPlan, HistoryEntry, TimedEntry } from "./history.ts";

const TIME = 1_767_225_600_000;

/** A store that several servers share. */
export const shared: HistoryEntry = {
  ...{ kind: "opened", opening: 1, lineage: "log", epoch: "epoch 1", time: TIME },
  ...{ retention: 600_000, last: 0, messages: [], isShared: true },
};

export const opened = (
  opening: number,
  lineage: string,
  seqs: readonly number[] = [],
): HistoryEntry => ({
  kind: "opened",
  opening,
  lineage,
  epoch: `epoch ${opening}`,
  time: TIME,
  retention: 600_000,
  last: seqs.at(-1) ?? 0,
  messages: seqs.map((seq) => ({ seq, time: TIME, topic: "t", body: `m${seq}` })),
});

export const put = (call: number): HistoryEntry => ({
  kind: "put",
  call,
  client: "putter",
  topic: "t",
  body: `m${call}`,
});

/** Message `n` is that of call `n`. */
export const stored = (n: number, { seq = n, opening = 1, key = "" } = {}): HistoryEntry => ({
  ...{ kind: "stored", opening, seq, time: TIME, topic: "t", body: `m${n}` },
  ...(key !== "" && { key }),
});

export const acknowledged = (call: number, seq = call): HistoryEntry => ({
  kind: "acknowledged",
  call,
  seq,
});

export const reader = (
  how: "subscribe" | "wait" | "poll" | "latest",
  since: "start" | "now" = "start",
): HistoryEntry => ({
  ...{ kind: "reader", reader: "r", client: "r", topic: "t", isPrefix: false, how, since },
});

export const reading: HistoryEntry = { kind: "reading", reader: "r" };

export const read = (seq: number, { opening = 1, body = `m${seq}` } = {}): HistoryEntry => ({
  ...{ kind: "read", reader: "r", epoch: `epoch ${opening}`, seq, topic: "t", body },
});

export const asked: HistoryEntry = { kind: "asked", reader: "r" };

export const foundNothing: HistoryEntry = { kind: "found_nothing", reader: "r" };

export const failed = (call: number, code: string): HistoryEntry => ({
  kind: "put_failed",
  call,
  code,
});

export const gap: HistoryEntry = { kind: "gap", reader: "r", code: "epoch_changed" };

export const wait = (call: number): HistoryEntry => ({
  ...{ kind: "called", call, client: "r", what: "read t", timeout: 5000 },
});

export const nothing = (call: number): HistoryEntry => ({
  kind: "returned",
  call,
  outcome: "nothing",
});

export const calm: HistoryEntry = { kind: "calm" };

export const end: HistoryEntry = { kind: "end" };

/** A message that was put, stored and acknowledged. */
export const done = (n: number, where = {}) => [put(n), stored(n, where), acknowledged(n)];

const NAME: GroupPlan = { topic: "t", isPrefix: false, group: "g" };

/** A holder of the group, by its letter: its lease is 1000 ms, and a job may take 5000. */
export const holder = (letter: string, { opening = 1, clock = 0 } = {}): HistoryEntry => ({
  ...{ kind: "holder", opening, name: NAME, clock, holder: letter, lease: 1000, timeout: 5000 },
  attempts: 2,
});

/** The holder gets a job, with a claim, at a time of the clock of leases. */
export const claimed = (
  letter: string,
  claim: number,
  seq: number,
  { attempt = 1, clock = 0, opening = 1 } = {},
): HistoryEntry => ({
  ...{ kind: "claimed", opening, name: NAME, clock, holder: letter, claim, seq, attempt },
});

export const finished = (
  claim: number,
  outcome: "done" | "retry" | "dead" | "release" | "lost",
  { clock = 0, opening = 1 } = {},
): HistoryEntry => ({ kind: "finished", opening, name: NAME, clock, claim, outcome });

export const extended = (letter: string, clock: number): HistoryEntry => ({
  ...{ kind: "extended", opening: 1, name: NAME, clock, holder: letter, claims: [], lost: [] },
});

/** The handler of a process begins with the message of the same number as its claim. */
export const began = (
  process: string,
  claim: number,
  { seq = claim, concurrency = 1 } = {},
): HistoryEntry => ({
  ...{ kind: "job_began", process, name: NAME, claim, seq, attempt: 1, concurrency },
  body: `m${seq}`,
});

export const aborted = (process: string, claim: number): HistoryEntry => ({
  ...{ kind: "job_aborted", process, claim },
});

export const ended = (
  process: string,
  claim: number,
  outcome: "done" | "retry" = "done",
): HistoryEntry => ({ kind: "job_ended", process, claim, outcome });

export const drained = (dead = 0, givenUp = 0): HistoryEntry => ({
  ...{ kind: "drained", name: NAME, dead, givenUp },
});

/** A history in which a millisecond passes after each entry; or as many as a number says in its place. */
export function historyOf(...steps: readonly (HistoryEntry | number)[]): TimedEntry[] {
  let at = 0;
  return steps.flatMap((step) => {
    if (typeof step === "number") {
      at += step;
      return [];
    }
    return [{ at: at++, ...step }];
  });
}
