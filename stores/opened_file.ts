/**
 * An open file with all that is known of it in memory.
 *
 * @module
 */

import { Admission, type Limits } from "./admission.ts";
import { DatabaseFile, type FilePlace, type State } from "./database_file.ts";
import { codeOf, SQLITE } from "./engine.ts";
import { cannotOpen } from "./file_faults.ts";
import { GoneTable } from "./gone_table.ts";
import { Holdings } from "./holdings.ts";
import { PutOnce } from "./put_once.ts";
import type { Dropped } from "./put_session.ts";
import { PutTable } from "./put_table.ts";
import type { StoreTime } from "./store_time.ts";
import type { Ending } from "./transactions.ts";

/** How a file is opened and used. */
export interface FileOpening {
  readonly place: FilePlace;
  readonly retention: number;
  readonly limits: Limits;
  /** Goes on from the time that is in the file. */
  readonly time: StoreTime;
  /** A transaction failed; whether it may have been committed all the same. */
  failed(unsure: boolean): void;
}

/** A row of what was put once takes about so much of a database. */
const ROW_BYTES = 64;

/** An open file, and what is known of it in memory. */
export interface OpenedFile {
  readonly file: DatabaseFile;
  readonly holdings: Holdings;
  readonly puts: PutOnce;
  readonly admission: Admission;
}

/**
 * Opens a file, or makes a new one.
 *
 * @param opening which file, and how
 * @param epoch the epoch that begins; without one the file goes on with the present, and is opened even if it takes nothing
 * @returns the open file
 * @throws {Error} if it cannot be used; the reason is in words
 */
export function openFile(opening: FileOpening, epoch?: string): OpenedFile {
  const { place, time, limits } = opening;
  const isFirst = epoch !== undefined;
  let file: DatabaseFile | undefined;
  try {
    file = new DatabaseFile(place, isFirst, time.now());
    if (isFirst) file.epochs.begin(epoch, file.read().last, limits.epochs);
    const { save, ...opened } = loaded(file, opening);
    if (isFirst) save();
    file.opened(isFirst);
    return opened;
  } catch (error) {
    file?.close();
    throw cannotOpen(place.path, error);
  }
}

/**
 * Tells a full disk from all else.
 *
 * @param error what was thrown
 * @returns whether SQLite says that something does not fit
 */
export function isFull(error: unknown): boolean {
  return codeOf(error) === SQLITE.full;
}

function loaded(
  file: DatabaseFile,
  { retention, limits, time, failed }: FileOpening,
): OpenedFile & { save(): void } {
  const start = file.read();
  time.goOnFrom(Math.max(start.clock, start.lastTime));
  const table = new PutTable(file.db);
  const dropped: Dropped[] = [];
  const { window, runs: most } = limits;
  const puts = new PutOnce({ window, retention, most }, (run) => dropped.push(run));
  table.load(puts, start.lost, time.now());
  let saved = 0;
  let written = 0;
  let recorded = 0;
  const save = () => {
    const { span: { floor, last, lastTime }, gone: { times } } = holdings;
    file.save({
      floor,
      last,
      lastTime,
      clock: time.now(),
      retention,
      drop: times.total,
      lost: puts.lost,
    });
  };
  const ending: Ending = {
    save() {
      recorded += ROW_BYTES * table.save(puts.noted(), dropped);
      saved = dropped.length;
      save();
    },
    done() {
      dropped.splice(0, saved);
      puts.commit(time.now());
      const all = holdings.written + recorded;
      file.log.committed(all - written);
      written = all;
    },
    failed(error, committing) {
      puts.rollback();
      // What does not fit was not written to its end.
      failed(committing && !isFull(error));
    },
  };
  const gone = new GoneTable(file.db, limits.gone);
  const holdings = new Holdings(file.db, { retention, gone, start, ending });
  giveUpBefore(holdings, start, retention, time);
  const admission = new Admission(holdings, puts, limits, time, true);
  return { file, holdings, puts, admission, save };
}

/** Takes over what was given up before the file was opened. What had expired, as retention was or as it is, stays gone. */
function giveUpBefore(
  { span, gone: { times } }: Holdings,
  { drop, retention: before }: State,
  retention: number,
  time: StoreTime,
): void {
  if (drop.upTo > 0) times.drop(drop.upTo, drop.at, drop.retention);
  if (before === retention) return;
  const { floor } = span;
  span.expire(time.now() - Math.min(before, retention));
  if (span.floor > floor) times.drop(span.floor, time.next(), before);
}
