/**
 * Whether all that the clients of a shared queue saw is one history, of which nothing was lost.
 *
 * @module
 */

import { disorder, isSame, type Stored } from "./one_history.ts";
import { type Finding, none } from "./report.ts";
import { JOBS, type PutCall, type SharedLoad, TOPIC } from "./shared_load.ts";
import type { SharedReader } from "./shared_reader.ts";
import { until } from "./sleep.ts";

/** How long somebody may get nothing in the end who has not got everything, in milliseconds. */
const END_TIMEOUT = 60_000;

/** What a put may be refused with while the log is away. */
const REFUSALS = ["unavailable", "unknown_outcome", "busy"];

/** Nobody has worked. */
const NO_GROUP = { depth: Infinity, held: 0, done: 0, dead: 0, retried: 0 };

/** Has the load put no more, waits until all is read and worked, and compares it with what each server has. */
export async function sharedFindings(load: SharedLoad): Promise<Finding[]> {
  const { readers } = load;
  const last = await load.putLast();
  const isRead = (await Promise.all(readers.map((reader) => hasRead(reader, last)))).every(Boolean);
  const jobs = await jobFindings(load);
  const lists = await load.storedAt(TOPIC);
  const messages = lists[0]!;
  return [
    ...putFindings(load.calls),
    ...storedFindings(load.calls.filter(({ topic }) => topic === TOPIC), messages),
    none("out of order", disorder(messages)),
    none("servers that have something else", lists.filter((list) => !isSame(list, messages))),
    { what: "everybody has read to the end", seen: isRead ? "yes" : "no", good: isRead },
    ...readers.flatMap(({ name, got, told }) => [
      { what: `${name}: as stored`, seen: got.length, good: isSame(got, messages) },
      none(`${name}: told of something else`, told),
    ]),
    ...jobs,
  ];
}

/**
 * How soon something was so again.
 *
 * @param what what it was, and when
 * @param times how long it took each time, in milliseconds
 * @param goal how long it may take at most, in milliseconds
 * @param stated why that is not promised
 */
export function timesWithin(
  what: string,
  times: readonly number[],
  goal: number,
  stated: string | undefined,
): Finding {
  const longest = Math.max(0, ...times);
  const middle = times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
  const seen = `${times.length} times, p50 ${Math.round(middle)} ms, longest ${
    Math.round(longest)
  } ms`;
  return { what, seen, good: longest <= goal, stated };
}

/** How puts were answered. */
export function putFindings(calls: readonly PutCall[]): Finding[] {
  const of = (code: string) => calls.filter(({ outcome }) => outcome === code).length;
  const acknowledged = calls.filter(({ outcome }) => typeof outcome === "number").length;
  const codes = new Set(calls.map(({ outcome }) => outcome));
  const others = [...codes].filter((code) =>
    typeof code !== "number" && !REFUSALS.includes(`${code}`)
  );
  return [
    { what: "puts acknowledged", seen: acknowledged, good: acknowledged > 0 },
    ...REFUSALS.map((code) => ({ what: `puts: ${code}`, seen: of(code), good: true })),
    { what: "puts with other errors", seen: `${others}` || 0, good: others.length === 0 },
  ];
}

/** Whether what was acknowledged is stored, once, and what was refused is not. */
export function storedFindings(
  calls: readonly PutCall[],
  stored: readonly Stored[],
): Finding[] {
  const at = new Map(stored.map(({ body, seq }) => [body, seq]));
  const acknowledged = calls.filter(({ outcome }) => typeof outcome === "number");
  const refused = calls.filter(({ outcome }) => outcome === "unavailable" || outcome === "busy");
  return [
    none("acknowledged, and lost", acknowledged.filter(({ body }) => !at.has(body))),
    none(
      "stored under another number than was acknowledged",
      acknowledged.filter(({ body, outcome }) => at.has(body) && at.get(body) !== outcome),
    ),
    none("said not to be stored, and stored", refused.filter(({ body }) => at.has(body))),
    none("stored twice", stored.filter(({ body, seq }) => at.get(body) !== seq)),
  ];
}

/** Waits until a reader has got a message, however many are before it; resolves with whether it comes to that. */
export async function hasRead({ got }: SharedReader, body: string): Promise<boolean> {
  for (let count = -1; got.at(-1)?.body !== body;) {
    if (got.length === count) return false;
    count = got.length;
    await until(() => got.length > count, END_TIMEOUT);
  }
  return true;
}

async function jobFindings(load: SharedLoad): Promise<Finding[]> {
  const { ledger, endedWorkers } = load;
  const mq = await load.open();
  const state = async () => (await mq.groups(JOBS))[0] ?? NO_GROUP;
  const isOver = async () => {
    const { depth, held } = await state();
    return depth === 0 && held === 0;
  };
  const isWorked = await until(isOver, END_TIMEOUT, 100);
  const { done, dead, retried } = await state();
  const [jobs, ...others] = await load.storedAt(JOBS) as [Stored[], ...Stored[][]];
  const seqs = jobs.map(({ seq }) => seq);
  const { repeats } = ledger;
  return [
    ...storedFindings(load.calls.filter(({ topic }) => topic === JOBS), jobs),
    none("out of order", disorder(jobs)),
    none("servers that have other jobs", others.filter((list) => !isSame(list, jobs))),
    { what: "workers that ended", seen: endedWorkers[0] ?? 0, good: endedWorkers.length === 0 },
    { what: "all jobs are finished", seen: isWorked ? "yes" : "no", good: isWorked },
    ...ledger.findings(seqs),
    { what: "outcomes that count", seen: done, good: done === seqs.length },
    { what: "dead jobs", seen: dead, good: dead === 0 },
    { what: "leases that ended", seen: retried, good: true },
    { what: "jobs that were begun again", seen: repeats, good: repeats <= retried },
  ];
}
