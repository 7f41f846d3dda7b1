/**
 * Judges a history of a simulation by the guarantees of the message queue.
 *
 * @module
 */

import type { TimedEntry } from "../history.ts";
import { Calls } from "./calls.ts";
import { Handlers } from "./handlers.ts";
import { Jobs } from "./jobs.ts";
import { Puts } from "./puts.ts";
import { Readers } from "./readers.ts";
import { type KnownMessage, StoredMessages } from "./stored.ts";

/**
 * Judges a history.
 *
 * @param history all entries, in their order
 * @returns what must not be, each in one sentence
 */
export function judge(history: readonly TimedEntry[]): readonly string[] {
  const faults: string[] = [];
  const stored = new StoredMessages(faults);
  const puts = new Puts(stored);
  const readers = new Readers(stored);
  const calls = new Calls(faults);
  const jobs = new Jobs(stored);
  const handlers = new Handlers(stored, jobs, calls);
  let opening = 0;
  let retention = 0;
  let isShared = false;
  let isComplete = false;
  for (const entry of history) {
    const { at } = entry;
    readers.checkDue(at);
    switch (entry.kind) {
      case "opened":
        stored.opened(entry, at);
        ({ opening, retention, isShared = false } = entry);
        jobs.opened(stored.lineageOf(opening)!, entry.time);
        break;
      case "stored":
        stored.stored(entry, at);
        puts.stored(entry, stored.lineageOf(entry.opening)!.name);
        readers.stored(entry satisfies KnownMessage);
        break;
      case "put":
        puts.put(entry, at);
        break;
      case "acknowledged":
        puts.acknowledged(entry, at);
        break;
      case "put_failed":
        puts.failed(entry, retention, isShared);
        break;
      case "reader":
        readers.began(entry, at);
        break;
      case "reading":
        readers.connected(entry, at);
        break;
      case "read":
        readers.read(entry, at);
        break;
      case "asked":
        readers.asked(entry, at);
        break;
      case "found_nothing":
        readers.foundNothing(entry, at);
        break;
      case "gap":
        readers.gap(entry, at);
        break;
      case "called":
        calls.called(entry, at);
        break;
      case "returned":
        calls.returned(entry, at);
        break;
      case "holder":
        jobs.holder(entry, at);
        break;
      case "claimed":
        jobs.claimed(entry);
        handlers.claimed(entry, at);
        break;
      case "finished":
        jobs.finished(entry);
        handlers.finished(entry);
        break;
      case "extended":
        jobs.extended(entry);
        break;
      case "holder_closed":
        jobs.closed(entry);
        break;
      case "holder_ended":
        jobs.ended(entry);
        break;
      case "drained":
        jobs.drained(entry, stored.lineageOf(opening)!);
        break;
      case "job_began":
        handlers.began(entry, at);
        break;
      case "job_aborted":
        handlers.aborted(entry);
        break;
      case "job_ended":
        handlers.ended(entry);
        break;
      case "killed":
        readers.killed(entry.process);
        calls.process(entry, at);
        break;
      case "stopped":
      case "woken":
        calls.process(entry, at);
        break;
      case "calm":
        readers.calm(at);
        break;
      case "fault":
        faults.push(entry.what);
        break;
      case "end":
        isComplete = true;
        calls.end();
        puts.end(calls.killed);
        handlers.end();
        break;
      case "closed":
        jobs.died(entry.clock);
        break;
      case "clock_set":
        break;
      default:
        entry satisfies never;
    }
  }
  if (!isComplete) faults.push("the history has no end");
  return faults;
}
