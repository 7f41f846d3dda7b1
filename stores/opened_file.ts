/**
 * An open file with its state in memory.
 *
 * @module
 */

import { Admission } from "./admission.ts";
import { DatabaseFile, type FileLocation, type FileState } from "./database_file.ts";
import { SQLITE_ERRORS, sqliteErrorCode } from "./engine.ts";
import { toOpenError } from "./file_faults.ts";
import { GroupMachine } from "./groups/group_machine.ts";
import { GroupRows } from "./groups/group_rows.ts";
import { GroupState, type SavedGroupState } from "./groups/group_state.ts";
import { GoneTable } from "./gone_table.ts";
import { MessageLog } from "./message_log.ts";
import { DedupIndex } from "./dedup_index.ts";
import type { DroppedRuns, RecordedRun } from "./dedup_session.ts";
import { DedupTable } from "./dedup_table.ts";
import { PendingDrops } from "./pending_drops.ts";
import { StateMachine } from "./state_machine.ts";
import type { StoreLimits } from "./store_limits.ts";
import type { StoreTime } from "./store_time.ts";
import type { TransactionHooks } from "./transactions.ts";

/** How a file is opened and used. */
export interface OpenFileOptions {
  readonly location: FileLocation;
  readonly retention: number;
  readonly limits: StoreLimits;
  /** Goes on from the time in the file. */
  readonly time: StoreTime;
  /** Called when a transaction failed, with whether it may have been committed all the same. */
  onFailure(mayBeCommitted: boolean): void;
}

/** About how many bytes of a database a row of the deduplication index takes. */
const ROW_BYTES = 64;

/** An open file, and its state in memory. */
export interface OpenedFile {
  readonly file: DatabaseFile;
  readonly messageLog: MessageLog;
  readonly remembered: RememberedPuts;
  readonly machine: StateMachine;
  readonly groups: GroupMachine;
}

/** What is remembered for deduplication. It outlives the open file if that fails. */
export interface RememberedPuts {
  readonly dedup: DedupIndex;
  readonly drops: PendingDrops;
  /** The last message of the file to which it belongs, as of the last transaction that was certainly committed. */
  last: number;
  /** A transaction after that one of which nobody knows whether it was committed. */
  doubt: Doubt | undefined;
  /** The last transaction that was in doubt was committed. */
  wasCommitted: boolean;
}

/**
 * A transaction that may have been committed, and how its file tells: by its last message, or by what was dropped or
 * recorded of sessions.
 */
interface Doubt {
  readonly last: number;
  readonly drop: DroppedRuns | undefined;
  readonly recorded: RecordedRun | undefined;
  /** When its commands happened. */
  readonly time: number;
}

/**
 * Opens a file, or makes a new one.
 *
 * @param options which file, and how
 * @param epoch the epoch that begins; without it the file continues the present one, and is opened even if it
 * cannot be written
 * @param known what was remembered when the file was closed: it goes on if the file ends where that does
 * @returns the open file
 * @throws {Error} if it cannot be used; the message says why
 */
export function openFile(
  options: OpenFileOptions,
  epoch?: string,
  known?: RememberedPuts,
): OpenedFile {
  const { location, time, limits } = options;
  const isFirst = epoch !== undefined;
  let file: DatabaseFile | undefined;
  try {
    file = new DatabaseFile(location, isFirst, time.now());
    if (isFirst) file.epochs.begin(epoch, file.read().last, limits.epochs);
    const { save, ...opened } = loadFile(file, options, known);
    if (isFirst) save();
    file.finishOpening(isFirst);
    return opened;
  } catch (error) {
    file?.close();
    throw toOpenError(location.path, error);
  }
}

/**
 * Tells a full disk from all other errors.
 *
 * @param error what was thrown
 * @returns whether SQLite says that something does not fit
 */
export function isDiskFull(error: unknown): boolean {
  return sqliteErrorCode(error) === SQLITE_ERRORS.full;
}

function loadFile(
  file: DatabaseFile,
  { retention, limits, time, onFailure }: OpenFileOptions,
  known: RememberedPuts | undefined,
): OpenedFile & { save(): void } {
  const start = file.read();
  time.resumeFrom(Math.max(start.clock, start.lastTime));
  time.apply(start.lastTime);
  const table = new DedupTable(file.db);
  if (known?.doubt) settle(known, known.doubt, start.last, table, time);
  const goesOn = known?.last === start.last;
  const remembered = goesOn ? known : rememberNothing(limits, retention);
  const { dedup, drops } = remembered;
  if (!goesOn) table.load(dedup, start.evictedTo, time.now());
  remembered.last = start.last;
  let written = 0;
  let recorded = 0;
  let lastToCommit = 0;
  const save = () => {
    const { range: { floor, last, lastTime }, gone: { times } } = messageLog;
    file.save({
      floor,
      last,
      lastTime,
      clock: time.now(),
      retention,
      dropped: times.total,
      evictedTo: dedup.evictedTo,
    });
  };
  const hooks: TransactionHooks = {
    beforeCommit() {
      file.wal.beforeCommit();
      recorded += ROW_BYTES * table.save(dedup.recorded(), drops.all) + rows.save(groups.state);
      lastToCommit = messageLog.range.last;
      save();
    },
    committed() {
      dedup.commit();
      rows.forget();
      groups.committed();
      drops.clear();
      remembered.last = messageLog.range.last;
      const all = messageLog.writtenBytes + recorded;
      file.wal.committed(all - written);
      written = all;
    },
    failed(error, committing) {
      // What does not fit was not written completely.
      const mayBeCommitted = committing && !isDiskFull(error);
      remembered.wasCommitted = false;
      if (mayBeCommitted) {
        const [recorded] = dedup.recorded();
        const drop = drops.firstUncommitted;
        remembered.doubt = { last: lastToCommit, drop, recorded, time: time.applied };
      } else dedup.rollback();
      onFailure(mayBeCommitted || !reloadGroups());
    },
  };
  const gone = new GoneTable(file.db, limits.goneTopics);
  const messageLog = new MessageLog(file.db, { retention, gone, start, hooks });
  applyEarlierDrops(messageLog, start, retention, time);
  const rows = new GroupRows(file.db);
  const makeGroups = (saved: SavedGroupState) =>
    new GroupState(file.db, messageLog, limits, saved, rows);
  const groups = new GroupMachine(messageLog, limits, makeGroups);
  const loadGroups = () => {
    // Also what the first groups of a file have left, which are not there any more.
    rows.forget();
    const { savedState } = rows;
    const state = savedState && rows.loaded(makeGroups(savedState));
    state?.skipClaims(time.now());
    groups.load(state);
  };
  /** After a transaction was undone: returns whether the groups are as the tables have them. */
  const reloadGroups = (): boolean => {
    try {
      // What else is to be written did not happen in that transaction, and is written with the next one.
      if (groups.rolledBack()) loadGroups();
      return true;
    } catch {
      return false;
    }
  };
  loadGroups();
  const admission = new Admission(messageLog, dedup, groups, limits, true);
  const machine = new StateMachine({ messageLog, dedup, groups, admission, time, retention });
  return { file, messageLog, remembered, machine, groups, save };
}

/** Finds out whether a transaction was committed, and keeps or undoes what it did in memory. */
function settle(
  known: RememberedPuts,
  doubt: Doubt,
  last: number,
  table: DedupTable,
  time: StoreTime,
): void {
  const { dedup, drops } = known;
  const { drop, recorded } = doubt;
  const isThere = doubt.last !== known.last || (drop && table.hasDropped(drop)) ||
    (recorded && table.hasRecorded(recorded));
  known.doubt = undefined;
  known.wasCommitted = last === doubt.last && isThere === true;
  if (!known.wasCommitted) return dedup.rollback();
  known.last = last;
  dedup.commit();
  drops.clear();
  time.apply(doubt.time);
}

function rememberNothing(
  { dedupWindow, dedupRuns }: StoreLimits,
  retention: number,
): RememberedPuts {
  const drops = new PendingDrops();
  const bounds = { window: dedupWindow, retention, maxRuns: dedupRuns };
  return {
    dedup: new DedupIndex(bounds, drops),
    drops,
    last: 0,
    doubt: undefined,
    wasCommitted: false,
  };
}

/**
 * Takes over what was evicted before the file was opened. What had expired, under the old retention or the new one,
 * stays gone.
 */
function applyEarlierDrops(
  { range, gone: { times } }: MessageLog,
  { dropped, retention: before }: FileState,
  retention: number,
  time: StoreTime,
): void {
  if (dropped.upTo > 0) times.drop(dropped.upTo, dropped.at, dropped.retention);
  if (before === retention) return;
  const { floor } = range;
  range.expire(time.now() - Math.min(before, retention));
  // In the file of a backup nothing has expired yet, and this is the retention that its messages had.
  const had = dropped.upTo === 0 && dropped.retention > 0 ? dropped.retention : before;
  if (range.floor > floor) times.drop(range.floor, time.now() + 1, had);
}
