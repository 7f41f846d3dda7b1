/**
 * What the deduplication index remembers, as rows from which it can go on exactly where it was.
 *
 * @module
 */

import type { DedupIndex } from "./dedup_index.ts";
import type { DedupSession } from "./dedup_session.ts";

/** The first row. */
type HeadRow = readonly [
  kind: "dedup",
  /** When the last turn was. */
  now: number,
  evictedTo: number,
];

/** A session; those come first that were not used for the longest time. */
type SessionRow = readonly [
  kind: "session",
  name: string,
  owner: string,
  forgotten: number,
  lost: number,
  lastUsed: number,
];

/** A run. Those of one owner are in the order in which it loses them, and so are those of one session in that of their numbers. */
type RunRow = readonly [
  kind: "run",
  /** The place of its session among the rows of sessions, from 0 on. */
  session: number,
  first: number,
  count: number,
  seq: number,
  at?: number,
];

/** A row of a dump: first the head, then all sessions, then all runs. */
export type DedupRow = HeadRow | SessionRow | RunRow;

/**
 * Dumps an index between two turns; meanwhile nothing may change. Sessions that have expired and are not freed yet are part of it. The
 * same state gives the same rows, whatever was before. Ids of sessions are not dumped: they name rows of tables alone.
 *
 * @param index the index
 */
export function* dumpDedup({ sessions, evictedTo }: DedupIndex): Generator<DedupRow> {
  yield ["dedup", sessions.now, evictedTo];
  const places = new Map<DedupSession, number>();
  for (const session of sessions.byUse()) {
    const { name, owner, forgotten, lost, lastUsed } = session;
    places.set(session, places.size);
    yield ["session", name, owner.name, forgotten, lost, lastUsed];
  }
  for (const { session, first, count, seq, at } of sessions.runsByOwner()) {
    const row = ["run", places.get(session)!, first, count, seq] as const;
    yield at === undefined ? row : [...row, at];
  }
}

/**
 * Has an index go on exactly where another one was.
 *
 * @param index the index, which remembers nothing yet and is bounded like the other one
 * @param rows the rows of its dump
 */
export function restoreDedup(index: DedupIndex, rows: Iterable<DedupRow>): void {
  const { sessions } = index;
  const restored: DedupSession[] = [];
  let evictedTo = 0;
  for (const row of rows) {
    switch (row[0]) {
      case "dedup":
        sessions.beginTurn(row[1]);
        evictedTo = row[2];
        break;
      case "session": {
        const [, name, owner, forgotten, lost, lastUsed] = row;
        const session = sessions.create({ name, owner, forgotten, lost });
        session.lastUsed = lastUsed;
        restored.push(session);
        break;
      }
      case "run": {
        const [, place, ...run] = row;
        sessions.addRun(restored[place]!, ...run);
        break;
      }
      default:
        row satisfies never;
    }
  }
  index.restored(evictedTo);
}
