/**
 * Checks what readers got against everything that was ever stored: nothing lost, duplicated, reordered, silently
 * skipped or falsely reported.
 *
 * @module
 */

import type { DsmqError } from "../../client.ts";
import {
  begunAt,
  isPassed,
  isRead,
  missedAtStart,
  type Position,
  type Reading,
  type ReadingEvent,
  type ReadMessage,
  SLACK,
  wasOwedBefore,
  wasReported,
} from "./fuzz_reading.ts";
import { OwedGaps, unreported } from "./fuzz_owed_gaps.ts";
import { covers, mayDoubt, type Opening, type Recorded, type Records } from "./fuzz_records.ts";
import type { ReportedGap } from "./fuzz_wire_log.ts";

/** Checks one reader; a fault is one sentence. */
export class ReaderChecker {
  readonly faults: string[] = [];
  readonly #reading: Reading;
  readonly #records: Records;
  /** By store. */
  readonly #positions = new Map<string, Position>();
  /** By their text, and when they were stored: a restored file has copies of its messages, and what it lost may be put again. */
  readonly #delivered = new Map<string, number>();
  /** Up to when losses have been reported, by store. */
  readonly #reported = new Map<string, number>();
  readonly #owed = new OwedGaps();
  /** Stores whose changed history was reported. */
  readonly #changes = new Map<string, number>();
  /** Stores in which it may begin anywhere, and may be told so. */
  readonly #free = new Set<string>();
  /** Stores from which it got something. */
  readonly #startedStores = new Set<string>();

  /** Checks a reader against the records. */
  constructor(reading: Reading, records: Records) {
    this.#reading = reading;
    this.#records = records;
    const { base, arrivals } = reading.log;
    if (!base) return;
    const { since, cursor, sent, started } = reading;
    const firstOpening = sent?.opening;
    if (since !== undefined) {
      // It begins where the first server that answers tells it to.
      if (!started || started.startedAt === Infinity) return;
      // In the store in which it was called it begins there whenever that comes back.
      const called = reading.log.hellos.findLast(({ at }) => at <= reading.askedAt) ?? base;
      this.#free.add(records.openings[called.opening]!.store);
      const reportedBefore = reading.log.gaps.some((gap) =>
        reading.ids.includes(gap.stream ?? 0) && gap.stream! < started.id &&
        gap.connection.opening === started.opening
      );
      if (reportedBefore) return;
      const missed = missedAtStart(reading, records, started, sent!);
      if (missed) this.#fault(`began after number ${started.start}, and so without ${missed.body}`);
      const { store } = records.openings[started.opening]!;
      this.#positions.set(store, { seq: started.start, opening: started.opening });
      if (started.opening !== base.opening) this.#free.add(records.openings[base.opening]!.store);
      return;
    }
    const opening = records.openings[base.opening]!;
    const seq = cursor?.min ?? base.start;
    if (firstOpening === undefined || records.openings[firstOpening]!.store === opening.store) {
      this.#positions.set(opening.store, { seq, opening: base.opening });
      return;
    }
    // A stream that was first sent to another store begins there; from the cursor, if there was one.
    const { store, messages } = records.openings[firstOpening]!;
    const read = messages.some(({ body, topic }) =>
      topic === reading.topic && isRead({ arrivals }, body, reading.askedAt)
    );
    if (read || wasReported(this.#reading, this.#records, store, reading.askedAt - 2 * SLACK)) {
      this.#positions.set(store, { seq: 0, opening: firstOpening });
    }
    // What it makes of the store in which only its connection was before does not matter.
    this.#free.add(opening.store);
  }

  /** Goes through all that it got. */
  run(): readonly string[] {
    for (const event of this.#reading.events) {
      const { outcome } = event;
      if (outcome.kind === "message") this.#message(outcome, event);
      else if (outcome.kind === "gap") this.#gap(outcome.error, event);
    }
    for (const { body } of this.#owed.untold(this.#reading.events)) this.#fault(unreported(body));
    return this.faults;
  }

  #message({ body, seq, topic: named }: ReadMessage, event: ReadingEvent): void {
    const arrival = this.#reading.log.arrivals.get(body)?.findLast(({ step }) =>
      step <= event.step
    );
    if (!arrival) return this.#fault(`got ${body}, which has not arrived`);
    const opening = this.#records.openings[arrival.opening]!;
    const message = opening.messages.find((message) => message.body === body);
    if (!message) return this.#fault(`got ${body}, which was never stored`);
    const { topic } = this.#reading;
    if (!covers(topic, message.topic) || (named ?? message.topic) !== message.topic) {
      return this.#fault(`got ${body} of ${named}, it is of ${message.topic}`);
    }
    if (seq !== undefined && seq !== message.seq) {
      return this.#fault(`got ${body} as number ${seq}, it is ${message.seq}`);
    }
    if (this.#has(message)) return this.#fault(`got ${body} twice`);
    const position = this.#positionIn(opening, event, message.seq);
    if (message.seq <= position) this.#fault(`got ${body} after number ${position}`);
    for (const other of opening.messages) {
      if (!covers(topic, other.topic) || other.seq <= position || other.seq >= message.seq) {
        continue;
      }
      if (!this.#has(other)) this.#skipped(other, body, opening, arrival.at, event);
    }
    this.#delivered.set(body, message.at);
    this.#startedStores.add(opening.store);
    this.#owed.store = opening.store;
    this.#positions.set(opening.store, { seq: message.seq, opening: opening.number });
  }

  /** A message was skipped: only lost ones may be, and then it may have to be reported. */
  #skipped(
    other: Recorded,
    body: string,
    opening: Opening,
    at: number,
    { newest = false, at: gotAt }: ReadingEvent,
  ): void {
    const { stream, log, topic, cursor, since } = this.#reading;
    const { goneAt } = other;
    if (stream && since === undefined && !this.#startedStores.has(opening.store)) {
      // Reads of the same topic have moved the cursor at which it begins.
      if (cursor ? other.seq <= cursor.max : isPassed(this.#reading, opening, other)) return;
    }
    // What arrived for a wait that timed out is kept for the next, until it expires.
    const expired = !stream && log.arrivals.has(other.body) && goneAt <= gotAt + SLACK;
    if (goneAt > at + SLACK && !expired) {
      if (!newest) this.#fault(`got ${body}, not ${other.body} before it`);
      return;
    }
    if ((this.#reported.get(opening.store) ?? -Infinity) >= goneAt - SLACK) return;
    if (wasReported(this.#reading, this.#records, opening.store, at, goneAt)) return;
    // It does not miss what it had never begun to read; what had arrived expired with the client.
    if (log.arrivals.has(other.body)) return;
    if (stream) {
      if (goneAt <= begunAt(this.#reading, this.#records, opening.store) + SLACK) return;
      if (topic.endsWith("*")) return this.#owed.add(opening.store, other);
      return this.#fault(unreported(other.body));
    }
    const readings = (log.readings.get(topic) ?? []).filter((reading) =>
      this.#records.openings[reading.opening]?.store === opening.store
    );
    if (!readings.some(({ firstReplyAt }) => firstReplyAt < goneAt - SLACK)) return;
    const connected = readings.some(({ connection, firstRequestAt }) =>
      firstRequestAt - SLACK <= goneAt && goneAt <= connection.lastArrival + SLACK
    );
    if (!connected) {
      this.#fault(`${other.body} expired while it was disconnected, and that was not reported`);
    }
  }

  /** Up to where it has read in a store, by what it knows; a reset must be reported. */
  #positionIn(opening: Opening, { step, at }: ReadingEvent, seq: number): number {
    const position = this.#positions.get(opening.store);
    if (!position) {
      if (this.#free.has(opening.store)) return seq - 1;
      // If there was nothing to lose, nothing must be reported.
      const reported = this.#changes.has(opening.store) ||
        wasReported(this.#reading, this.#records, opening.store, at);
      const hadSomething = this.#delivered.size > 0 ||
        wasOwedBefore(this.#reading, this.#records, step);
      if (!reported && hadSomething) {
        this.#fault(`reads on in ${opening.store}, and that was not reported`);
      }
      return 0;
    }
    if (position.opening === opening.number) return position.seq;
    const end = opening.known.get(position.opening);
    if (end !== undefined && position.seq <= end) return position.seq;
    if (position.opening > opening.number) return position.seq;
    if (wasReported(this.#reading, this.#records, opening.store, at, opening.openedAt)) {
      return end ?? 0;
    }
    this.#fault(`reads on in ${opening.store} behind where it was, and that was not reported`);
    return end ?? 0;
  }

  #gap(error: DsmqError, event: ReadingEvent): void {
    const { log, topic, stream, ids } = this.#reading;
    const { code, after } = error;
    const reported = log.gaps.find((gap) =>
      !gap.taken && gap.topic === topic && gap.code === code &&
      (stream ? ids.includes(gap.stream ?? 0) : gap.stream === undefined) &&
      gap.after === after && gap.at <= event.at
    );
    if (!reported) return this.#fault(`was told ${code}, which no server sent`);
    reported.taken = true;
    const { connection, at } = reported;
    const opening = this.#records.openings[connection.opening]!;
    if (code === "trimmed" && !this.#positions.has(opening.store)) {
      this.#positions.set(opening.store, { seq: after ?? 0, opening: opening.number });
    }
    // Whatever its code, it reports that something is missing.
    this.#reported.set(opening.store, at);
    const through = code === "trimmed" ? reported.through ?? 0 : Infinity;
    const isOwed = this.#owed.told(opening.store, through);
    if (code === "trimmed") this.#trimmed(opening, reported, isOwed);
    else if (code === "ahead") this.#ahead(opening, reported.through ?? 0);
    else this.#epochChanged(opening, error);
  }

  #trimmed(opening: Opening, { at, connection, through = 0 }: ReportedGap, isOwed: boolean): void {
    const { log, topic, stream } = this.#reading;
    const seq = this.#positions.get(opening.store)?.seq ?? 0;
    // It goes on behind that, also if an older file comes back that has some of it.
    this.#positions.set(opening.store, { seq: Math.max(seq, through), opening: opening.number });
    const there = opening.messages.find((message) =>
      covers(topic, message.topic) && message.seq > seq && message.seq <= through &&
      message.goneAt > at + SLACK && !this.#has(message)
    );
    if (there) return this.#fault(`was told trimmed up to ${through}, and ${there.body} is there`);
    const gone = opening.messages.filter((message) =>
      covers(topic, message.topic) && message.seq > seq && message.goneAt <= at + SLACK &&
      !this.#has(message)
    );
    if (gone.length === 0 && !isOwed && !mayDoubt(opening, topic, through)) {
      return this.#fault("was told trimmed, and nothing is lost");
    }
    if (stream || gone.length === 0) return;
    const readings = log.readings.get(topic) ?? [];
    const made = readings.findLast(({ connection: other, firstReplyAt, opening: there }) =>
      other !== connection && other.number < connection.number && firstReplyAt < Infinity &&
      this.#records.openings[there]?.store === opening.store
    );
    if (!made) {
      if (this.#reading.since === undefined) this.#fault("was told trimmed, and had never read");
      return;
    }
    const lastHeartbeat = log.lastTimes.get(made.connection) ?? -Infinity;
    if (!gone.some(({ goneAt }) => goneAt > lastHeartbeat - SLACK)) {
      this.#fault("was told trimmed, and all that is lost expired while it was connected");
    }
  }

  #ahead(opening: Opening, through: number): void {
    const { log } = this.#reading;
    // Those that can give it a position that this one knows to lie beyond the end.
    const ends = [...opening.known].filter(([number, end]) =>
      log.openings.has(number) && this.#records.openings[number]!.last > end
    ).map(([, end]) => end);
    if (ends.length === 0) return this.#fault("was told ahead, and nothing was reset");
    // It had read or skipped all up to the end; also what was lost then, and is back with the older file.
    this.#setBack(opening, Math.min(through, Math.max(...ends)));
  }

  #epochChanged(opening: Opening, { floor = 0 }: DsmqError): void {
    const { log } = this.#reading;
    const position = this.#positions.get(opening.store);
    const known = (number: number) => number === opening.number || opening.known.has(number);
    const unknown = [...log.openings].some((number) =>
      this.#records.openings[number]!.store === opening.store && !known(number)
    );
    if (position && !unknown && !this.#free.has(opening.store)) {
      this.#fault(
        `was told epoch_changed by opening ${opening.number}, but the history is the same`,
      );
    }
    if (this.#changes.get(opening.store) === opening.number) {
      this.#fault("was told epoch_changed twice");
    }
    this.#changes.set(opening.store, opening.number);
    this.#setBack(opening, floor);
  }

  #has({ body, at }: Recorded): boolean {
    return this.#delivered.get(body) === at;
  }

  /** It continues from there, also with what it had read before. */
  #setBack(opening: Opening, seq: number): void {
    for (const message of opening.messages) {
      if (message.seq > seq) this.#delivered.delete(message.body);
    }
    this.#positions.set(opening.store, { seq, opening: opening.number });
  }

  #fault(what: string): void {
    const { who, topic, stream } = this.#reading;
    this.faults.push(`${who}, ${stream ? "a stream" : "reads"} of ${topic}: ${what}`);
  }
}
