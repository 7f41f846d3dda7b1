/**
 * Checks a whole run of a fuzzer: all readers, all puts, and that every call ended in time.
 *
 * @module
 */

import type { Journal, PutCall, ReadCall, StreamLog } from "./fuzz_client.ts";
import { ReaderChecker } from "./fuzz_reader_checker.ts";
import type { ReadingEvent } from "./fuzz_reading.ts";
import type { Recorded, Records } from "./fuzz_records.ts";
import type { ClientLog, ReportedGap, WireLog } from "./fuzz_wire_log.ts";

/**
 * What a run must not show.
 *
 * @param journal the calls, and their outcomes
 * @param records what was stored
 * @param wire what was sent
 * @param cursors `"exact"` if there was one connection each: then it is known where a stream begins
 * @returns the faults, each as one sentence
 */
export function checkRun(
  journal: Journal,
  records: Records,
  wire: WireLog,
  cursors?: "exact",
): readonly string[] {
  assignGapsToStreams(journal, wire);
  return [
    ...records.faults,
    ...journal.faults,
    ...readers(journal, records, wire),
    ...streams(journal, records, wire, cursors === "exact"),
    ...puts(journal, records, wire),
    ...waits(journal),
  ];
}

/**
 * A gap that answers a read that was cancelled is reported to the next reader at the connection's cursor. If that is a
 * stream, the reads after it are not told again: it counts as the gap of that stream.
 */
function assignGapsToStreams({ streams }: Journal, wire: WireLog): void {
  for (const { client, topic, since, ids, events } of streams) {
    if (since !== "cursor") continue;
    const gaps = wire.of(client).gaps.filter((gap) => gap.topic === topic);
    const own = gaps.filter(({ stream }) => ids.includes(stream ?? 0));
    for (const { at, outcome } of events) {
      if (outcome.kind !== "gap") continue;
      const { code, after } = outcome.error;
      const isIt = (gap: ReportedGap) => gap.code === code && gap.after === after && gap.at <= at;
      const i = own.findIndex(isIt);
      if (i >= 0) own.splice(i, 1);
      else {
        const answered = gaps.findLast((gap) => gap.stream === undefined && isIt(gap));
        if (answered) [answered.stream, answered.cursor] = [ids[0], true];
      }
    }
  }
}

/** The events of reads in the order in which they happened. */
export function inOrder(calls: readonly ReadCall[], records: Records): ReadingEvent[] {
  const ended = calls.filter(({ outcome }) => outcome);
  const steps = Map.groupBy(ended, ({ endedStep }) => endedStep);
  return [...steps].sort(([one], [other]) => one - other).flatMap(([, together]) => {
    together.sort((one, other) => one.order - other.order);
    // What one frame brought to getLatest and to other reads came in the order of the numbers.
    const seqOf = ({ outcome }: ReadCall) =>
      outcome?.kind === "message" ? records.messages.get(outcome.body)?.seq ?? 0 : undefined;
    if (
      together.some(({ mode }) => mode === "newest") &&
      together.every((call) => call.outcome?.kind === "message")
    ) together.sort((one, other) => seqOf(one)! - seqOf(other)!);
    return together.map(({ endedAt: at, endedStep: step, outcome, mode }) => ({
      at,
      step,
      outcome: outcome!,
      newest: mode === "newest",
    }));
  });
}

function readers({ reads }: Journal, records: Records, wire: WireLog): string[] {
  const faults: string[] = [];
  const readers = Map.groupBy(reads, ({ client, topic }) => `${client} ${topic}`);
  for (const calls of readers.values()) {
    const { client: who, topic } = calls[0]!;
    const log = wire.of(who);
    const events = inOrder(calls, records);
    const reading = { who, topic, log, stream: false, ids: [], askedAt: 0, events };
    faults.push(...new ReaderChecker(reading, records).run());
    for (const { outcome } of calls) {
      if (outcome?.kind === "error" && !["aborted", "closed"].includes(outcome.code)) {
        faults.push(`${who}, reads of ${topic}: ${outcome.code}`);
      }
    }
  }
  return faults;
}

function streams(
  { streams, reads }: Journal,
  records: Records,
  wire: WireLog,
  exact: boolean,
): string[] {
  return streams.flatMap((stream) => {
    const { client: who, topic, since, at: askedAt, events, cancelled, ids } = stream;
    const log = wire.of(who);
    const sent = log.subscriptions.get(topic)?.filter(({ id }) => ids.includes(id)) ?? [];
    const begun = sent.filter(({ startedAt }) => startedAt < Infinity);
    const [started] = begun;
    const reading = {
      who,
      topic,
      log,
      stream: true,
      since: since === "cursor" ? undefined : since,
      askedAt,
      started,
      begun,
      sent: sent[0],
      ids,
      cursor: exact ? cursorOf(stream, sent[0]?.id, reads, records, log) : undefined,
      events,
    };
    const faults = [...new ReaderChecker(reading, records).run()];
    for (const { outcome } of events) {
      if (outcome.kind === "error" && !(cancelled && outcome.code === "aborted")) {
        faults.push(`${who}, a stream of ${topic}: ${outcome.code}`);
      }
      if (outcome.kind === "none" && !cancelled) {
        faults.push(`${who}, a stream of ${topic} has ended`);
      }
    }
    return faults;
  });
}

/** Between which numbers the cursor was when a stream began. */
function cursorOf(
  { client, topic, step }: StreamLog,
  id: number | undefined,
  reads: readonly ReadCall[],
  { messages }: Records,
  { base, arrivals }: ClientLog,
): { readonly min: number; readonly max: number } {
  const start = base?.start ?? 0;
  const min = reads.filter((call) =>
    call.client === client && call.topic === topic && call.endedStep < step
  ).map(({ outcome }) => outcome?.kind === "message" ? messages.get(outcome.body)?.seq ?? 0 : 0);
  // What was requested before is read before; what had arrived and was left may come again, or stay behind.
  const max = [...arrivals].filter(([body, list]) =>
    messages.get(body)?.topic === topic &&
    list.some((arrival) => arrival.id !== undefined && (id === undefined || arrival.id < id))
  ).map(([body]) => messages.get(body)!.seq);
  return { min: Math.max(start, ...min), max: Math.max(start, ...max) };
}

/** An older file without the message was restored: it is not stored any more. */
function isLost(message: Recorded, { openings }: Records): boolean {
  const home = openings.find(({ messages }) => messages.includes(message));
  return home !== undefined &&
    openings.some(({ store, number, messages }) =>
      store === home.store && number > home.number &&
      !messages.some(({ body }) => body === message.body)
    );
}

function puts({ puts }: Journal, records: Records, wire: WireLog): string[] {
  const faults: string[] = [];
  for (const calls of Map.groupBy(puts, ({ client }) => client).values()) {
    let before: { readonly body: string; readonly step: number; readonly seq: number } | undefined;
    const repeated = new Set(calls.filter((one) => one.isRepeated).map(({ body }) => body));
    for (const call of calls) {
      const { client, body, topic, outcome } = call;
      const stored = records.messages.get(body);
      const fault = (what: string) => faults.push(`${client} put ${body}: ${what}`);
      if (!outcome) fault("is not answered");
      else if ("seq" in outcome) {
        if (!stored) fault("is acknowledged, and not stored");
        else if (
          stored.topic !== topic ||
          ![stored, ...records.lost].some((one) => one.body === body && one.seq === outcome.seq)
        ) {
          fault(`is acknowledged as ${outcome.seq}, it is ${stored.seq}`);
        }
      } else if (outcome.code === "unknown_outcome") {
        if (!mayBeUnknown(call, records, wire)) {
          fault("its outcome is unknown, and nothing was lost");
        }
      } else if (stored && !isLost(stored, records)) fault(`${outcome.code}, and it is stored`);
      // A put that was refused, and is repeated when a later one is stored, stays refused.
      else if (records.refuses && ["full", "superseded"].includes(outcome.code)) continue;
      else if (outcome.code !== "closed") fault(outcome.code);
      // A repetition may have been stored where the first put was not.
      if (!stored || repeated.has(body)) continue;
      if (
        before &&
        (stored.step < before.step || stored.step === before.step && stored.seq < before.seq)
      ) {
        fault(`is stored before ${before.body}`);
      }
      before = { body, step: stored.step, seq: stored.seq };
    }
  }
  return faults;
}

/** Whether a history was lost, or another began, while a put was unanswered. */
function mayBeUnknown(
  { client, at, endedAt }: PutCall,
  { openings, forgets }: Records,
  wire: WireLog,
): boolean {
  if (forgets) return true;
  const { hellos } = wire.of(client);
  return hellos.some((hello, i) => {
    if (hello.at < at || hello.at > endedAt || i === 0) return false;
    const before = openings[hellos[i - 1]!.opening]!;
    const { known } = openings[hello.opening]!;
    return hello.opening !== before.number && known.get(before.number) !== before.last;
  });
}

/** A wait ends at its timeout, and at most half a second later; all else ends, too. */
function waits({ reads }: Journal): string[] {
  return reads.flatMap(({ client, topic, mode, timeout = Infinity, at, endedAt, outcome }) => {
    const fault = (what: string) => [`${client}, a read (${mode}) of ${topic} at ${at}: ${what}`];
    if (!outcome) return fault("has not ended");
    const took = endedAt - at;
    if (took > timeout + 600) return fault(`took ${took} ms, its timeout was ${timeout}`);
    if (outcome.kind === "none" && mode === "wait" && took < timeout - 1) {
      return fault(`gave up after ${took} of ${timeout} ms`);
    }
    return [];
  });
}
