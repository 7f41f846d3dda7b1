/**
 * What concurrent calls must result in, beyond what every reader gets: a connection's calls take effect in
 * the order in which they were made.
 *
 * @module
 */

import type { Journal, ReadCall } from "./fuzz_client.ts";
import type { Recorded, Records } from "./fuzz_records.ts";
import type { WireLog } from "./fuzz_wire_log.ts";
import type { TopicsCall } from "./model_run.ts";

/** A run that is over. */
export interface ModelInput {
  readonly journal: Journal;
  readonly records: Records;
  readonly wire: WireLog;
  readonly topics: readonly TopicsCall[];
  /** Which clients were closed, and at which place in the order of calls. */
  readonly closed: ReadonlyMap<string, number>;
  /** No client changed to another server. */
  readonly oneHistory: boolean;
}

/** Tolerance for what is in motion when a time is noted, in milliseconds. */
const SLACK = 3;

/** Longer than any answer takes, in milliseconds. */
const ANSWERED = 60;

/** Compares a run with the model; a fault is one sentence. */
export function modelFaults(input: ModelInput): string[] {
  const { journal: { reads }, oneHistory } = input;
  const faults = [...closing(input)];
  const readers = Map.groupBy(reads, ({ client, topic }) => `${client} ${topic}`);
  for (const calls of readers.values()) {
    calls.sort((one, other) => one.order - other.order);
    faults.push(...order(calls, input.records));
    if (oneHistory) faults.push(...complete(calls, input));
  }
  if (oneHistory) faults.push(...input.topics.flatMap((call) => listed(call, input)));
  return faults;
}

/** First called, first served. */
function order(calls: readonly ReadCall[], records: Records): string[] {
  const faults: string[] = [];
  let oldest: { readonly call: ReadCall; readonly message: Recorded } | undefined;
  let newest: typeof oldest;
  for (const call of calls) {
    const { outcome, client, topic, mode } = call;
    const message = outcome?.kind === "message" ? records.messages.get(outcome.body) : undefined;
    if (!message) continue;
    const got = { call, message };
    if (mode === "newest") {
      newest = got;
      continue;
    }
    const before = (other: typeof oldest) =>
      other && sameStore(other.message, message, records) && other.message.seq > message.seq;
    if (before(oldest)) {
      faults.push(
        `${client}, ${topic}: ${message.body} went to a read (${mode}) that was asked after the one that got ${
          oldest!.message.body
        }`,
      );
    }
    if (before(newest)) {
      faults.push(
        `${client}, ${topic}: a read (${mode}) got ${message.body}, an earlier one had the newest, ${
          newest!.message.body
        }`,
      );
    }
    oldest = got;
  }
  return faults;
}

function sameStore(one: Recorded, other: Recorded, { openings }: Records): boolean {
  return openings.some(({ messages }) => messages.includes(one) && messages.includes(other));
}

/** A read, or an earlier one, got what was there when it was called; and getLatest got the newest. */
function complete(
  calls: readonly ReadCall[],
  { records, wire, closed }: ModelInput,
): string[] {
  const faults: string[] = [];
  const [first] = calls;
  const { client, topic } = first!;
  const base = wire.of(client).base?.start ?? 0;
  const there = records.openings[0]!.messages.filter((message) =>
    message.topic === topic && message.seq > base
  );
  let taken = base;
  for (const call of calls) {
    const { outcome, mode, timeout = 0, at, endedAt, order } = call;
    const got = outcome?.kind === "message" ? records.messages.get(outcome.body)!.seq : undefined;
    const missed = there.findLast((message) =>
      message.order < order && message.seq > Math.max(taken, got ?? 0) &&
      message.goneAt > endedAt + SLACK
    );
    const took = endedAt - at;
    // One with a short timeout may give up before its answer is there.
    const certain = mode !== "wait" || timeout === 0 ? took < 500 : took > ANSWERED;
    const open = !closed.has(client) || order < closed.get(client)!;
    if (missed && open && certain) {
      if (outcome?.kind === "none") {
        faults.push(`${client}, ${topic}: a read (${mode}) got nothing, ${missed.body} was there`);
      } else if (got !== undefined && mode === "newest") {
        faults.push(
          `${client}, ${topic}: ${
            outcome?.kind === "message" && outcome.body
          } is not the newest, that was ${missed.body}`,
        );
      }
    }
    // A wait gets what comes while it waits.
    if (mode === "wait" && outcome?.kind === "none" && timeout > ANSWERED) {
      const missing = there.find((message) =>
        message.at < endedAt - ANSWERED && message.seq > taken &&
        message.goneAt > endedAt + SLACK &&
        !calls.some((other) => bodyOf(other) === message.body && other.endedStep <= call.endedStep)
      );
      if (missing && !passed(calls, call, missing, records)) {
        faults.push(`${client}, ${topic}: a wait got nothing, ${missing.body} had come`);
      }
    }
    taken = Math.max(taken, got ?? 0);
  }
  return faults;
}

function bodyOf({ outcome }: ReadCall): string | undefined {
  return outcome?.kind === "message" ? outcome.body : undefined;
}

/** Whether a getLatest has skipped it by then. */
function passed(
  calls: readonly ReadCall[],
  call: ReadCall,
  { seq }: Recorded,
  { messages }: Records,
): boolean {
  return calls.some((other) =>
    other.mode === "newest" && other.outcome?.kind === "message" &&
    other.endedStep <= call.endedStep && messages.get(other.outcome.body)!.seq >= seq
  );
}

/** A call after the end is refused, and nothing that waits outlives it. */
function closing({ journal, closed, topics }: ModelInput): string[] {
  const faults: string[] = [];
  for (const call of [...journal.reads, ...journal.puts]) {
    const end = closed.get(call.client);
    if (end === undefined || call.order < end) {
      const { outcome } = call;
      const code = outcome && "code" in outcome ? outcome.code : undefined;
      if (end === undefined && code === "closed" && !call.client.startsWith("gone")) {
        faults.push(`${call.client} was told closed, and is open`);
      }
      continue;
    }
    const { outcome } = call;
    if (!outcome || !("code" in outcome) || outcome.code !== "closed") {
      faults.push(`${call.client} was closed, and then answered ${JSON.stringify(outcome)}`);
    }
  }
  for (const { client, found } of topics) {
    if (typeof found === "string" && !(found === "closed" && closed.has(client))) {
      faults.push(`${client} lists topics: ${found}`);
    }
  }
  return faults;
}

/** A list of topics has all that were there, and nothing that was not. */
function listed(
  { client, step, at, endedAt, found }: TopicsCall,
  { records }: ModelInput,
): string[] {
  if (!Array.isArray(found)) return [];
  const { messages } = records.openings[0]!;
  const faults: string[] = [];
  for (const [topic, all] of Map.groupBy(messages, ({ topic }) => topic)) {
    const entry = found.find((entry) => entry.topic === topic);
    const sure = all.filter((message) => message.step < step && message.goneAt > endedAt + SLACK);
    const possible = all.filter((message) => message.at <= endedAt && message.goneAt >= at - SLACK);
    const count = entry?.messages ?? 0;
    if (count < sure.length || count > possible.length) {
      faults.push(`${client} lists ${count} messages of ${topic}, there are ${sure.length}`);
    }
    if (entry && !possible.some(({ seq }) => seq === entry.seq)) {
      faults.push(`${client} lists ${entry.seq} as the newest of ${topic}`);
    }
  }
  return faults;
}
