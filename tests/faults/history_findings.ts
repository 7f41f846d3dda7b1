/**
 * Whether clients of a shared queue whose log was hurt saw each history by itself, and were told where one ended.
 *
 * @module
 */

import { isSame, type Stored } from "./one_history.ts";
import { type Finding, none } from "./report.ts";
import { hasRead, putFindings, storedFindings } from "./shared_findings.ts";
import { type SharedLoad, TOPIC } from "./shared_load.ts";
import type { SharedReader } from "./shared_reader.ts";

/** What a client is told when what it has read is not the history any more. */
const CODES = ["epoch_changed", "ahead", "trimmed"];

/** What becomes of what a log held: it is another one, it goes back, or the same. */
export type LogHistory = "another" | "older" | "same";

/** When things happened, on the clock of the calls. */
export interface FaultTimes {
  /** From then on what was put may be lost. */
  readonly prepared: number;
  /** It had happened. */
  readonly struck: number;
}

/**
 * Has the load put no more, and compares what clients saw with what is stored now.
 *
 * @param load the clients
 * @param history what has become of what the log held
 * @param times when it happened
 */
export async function historyFindings(
  load: SharedLoad,
  history: LogHistory,
  { prepared, struck }: FaultTimes,
): Promise<Finding[]> {
  const { readers } = load;
  const last = await load.putLast();
  const areRead = await Promise.all(readers.map((reader) => hasRead(reader, last)));
  const lists = await load.storedAt(TOPIC);
  const stored = lists[0]!;
  const entitled = load.calls.filter(({ begun, settled = Infinity }) =>
    begun >= struck || history === "same" || (history === "older" && settled <= prepared)
  );
  return [
    ...putFindings(load.calls),
    ...storedFindings(entitled, stored),
    none("servers that have something else", lists.filter((list) => !isSame(list, stored))),
    none("clients that have not read to the end", areRead.filter((isRead) => !isRead)),
    ...readers.flatMap((reader) => readerFindings(reader, stored, history)),
  ];
}

function readerFindings(
  { name, got, told }: SharedReader,
  stored: readonly Stored[],
  history: LogHistory,
): Finding[] {
  const now = new Map(stored.map(({ seq, body }) => [body, seq]));
  const isThere = ({ seq, body }: Stored) => now.get(body) === seq;
  const ends = [...told.map(({ after }) => after), got.length];
  const parts = ends.map((end, i) => got.slice(ends[i - 1] ?? 0, end));
  const lost = got.filter((message) => !isThere(message));
  const codes = told.map(({ code }) => code);
  // Who had read nothing of what a log has lost goes on in the same epoch.
  const tellings = history === "another" || lost.length > 0 ? 1 : 0;
  const isRight = codes.length === tellings && codes.every((code) => CODES.includes(code));
  return [
    { what: `${name}: what it had read and is lost`, seen: lost.length, good: true },
    none(`${name}: read across`, parts.filter((part) => isAcross(part, isThere))),
    { what: `${name}: told`, seen: codes.join() || 0, good: isRight },
    {
      what: `${name}: all that is stored, once`,
      seen: got.length - lost.length,
      good: isSame(got.filter(isThere), stored),
    },
  ];
}

/** Whether something that is there now, or has no higher number, comes behind something that was lost, and nothing was told between. */
function isAcross(part: readonly Stored[], isThere: (message: Stored) => boolean): boolean {
  return part.some((message, i) =>
    i > 0 && (message.seq <= part[i - 1]!.seq || (isThere(message) && !isThere(part[i - 1]!)))
  );
}
