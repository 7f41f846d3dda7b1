/**
 * Messages in a SQLite database in a file.
 *
 * @module
 */

import type { FileDurability } from "../protocol/encode_replies.ts";
import type { NameMap } from "../protocol/name_map.ts";
import { explainInUse } from "./database_wal.ts";
import { unknownOutcome } from "./file_faults.ts";
import type { FileNotice } from "./file_guard.ts";
import type { MessageLog } from "./message_log.ts";
import { isDiskFull } from "./opened_file.ts";
import { failureOf, isWritten } from "./written_commands.ts";
import type { GroupMachine } from "./groups/group_machine.ts";
import { PageGaps } from "./page_gaps.ts";
import { SlicedWork } from "./sliced_work.ts";
import type { DedupIndex } from "./dedup_index.ts";
import { RecoveringFile } from "./recovering_file.ts";
import { SqliteStore, type SqliteStoreOptions } from "./sqlite_store.ts";
import {
  type Command,
  type CommandBatch,
  type Result,
  type StoreError,
  type TopicMessage,
  toStoreError,
} from "./store.ts";

/** How a {@linkcode FileStore} is opened. */
export interface FileStoreOptions extends SqliteStoreOptions {
  readonly path: string;
  /** What an acknowledged message survives: `disk` a power failure, `process` the end of the process. */
  readonly durability: FileDurability;
  /** Receives what an operator should know about the file. Default: it is dropped. */
  readonly notify?: ((notice: FileNotice) => void) | undefined;
}

/** At most this many commands are committed together, unless a single batch has more. */
const COMMIT_BATCH = 1024;

/** A batch that waits to be committed. */
interface PendingAppend {
  readonly batch: CommandBatch;
  readonly resolve: (results: readonly (Result | StoreError)[]) => void;
}

const DURABILITY_TEXT: Readonly<Record<FileDurability, string>> = {
  disk: "an acknowledged message survives a power failure",
  process: "an acknowledged message survives the end of the process",
};

/**
 * Keeps messages in a file.
 *
 * All batches of one turn of the event loop are committed together, in one transaction; then the feed delivers the
 * messages, and then all calls are answered. {@linkcode RecoveringFile} says what happens when the file fails.
 */
export class FileStore extends SqliteStore {
  override readonly id: string;
  override readonly epoch: string = crypto.randomUUID();
  override readonly durability: "disk" | "process";
  override readonly description: string;
  override readonly epochEnds: NameMap<number>;
  readonly openedAt: number;
  readonly largestBytes: number;
  readonly #file: RecoveringFile;
  readonly #notify: (notice: FileNotice) => void;
  /** Why the last commit failed, if it did, and when. */
  #failure: { readonly at: number; readonly reason: string } | undefined;
  #pending: PendingAppend[] = [];
  /** Commits have slices of their own: puts do not wait for listings of topics. */
  readonly #commits: SlicedWork;
  /** Cancels the next commit. */
  #turn: (() => void) | undefined;
  #recordCommit: ((milliseconds: number) => void) | undefined;

  /**
   * Opens a file, or makes a new one.
   *
   * @param options path, durability, engine, retention, clock and limits
   * @throws {Error} if it cannot be used
   */
  constructor(options: FileStoreOptions) {
    super(options);
    const { path, engine, durability, notify = () => {} } = options;
    const { retention, limits, time, epoch } = this;
    const onFeedBroken = (error: Error) => this.feed.fail(error);
    const use = { retention, limits, time, epoch, notify, onFeedBroken };
    this.#notify = notify;
    this.#commits = new SlicedWork(options.afterNetworkPoll);
    this.#file = new RecoveringFile({ path, engine, durability, ...use });
    this.id = this.#file.id;
    this.epochEnds = this.#file.ends;
    this.openedAt = time.now();
    this.largestBytes = this.messageLog.segments.largestBytes;
    this.durability = durability;
    const { realPath } = this.#file;
    this.description = `sqlite:${realPath} on ${engine.name} (${DURABILITY_TEXT[durability]})`;
  }

  findFault(): string | undefined {
    if (this.closed) return undefined;
    const { fault } = this.#file;
    if (fault !== undefined || !this.#failure) return fault;
    const now = this.time.now();
    if (now - this.#failure.at < TRIAL_INTERVAL) return this.#failure.reason;
    try {
      const { messageLog, file } = this.#file.readyToCommit();
      messageLog.transaction(() => file.epochs.touch());
      this.#onCommitted();
    } catch (error) {
      const { message } = this.#failed("store messages", error, codeOf(error));
      return this.#file.fault ?? message;
    }
  }

  // deno-lint-ignore require-await -- a closed store answers at once
  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    try {
      this.requireOpen();
    } catch (error) {
      const failure = toStoreError("store messages", error);
      return batch.commands.map(() => failure);
    }
    return new Promise((resolve) => {
      this.#pending.push({ batch, resolve: resolve as PendingAppend["resolve"] });
      // What is written to the file at once waits for others that are committed with it.
      if (this.#pending.length === 1 && !isWritten(batch)) return this.#flush();
      if (this.#turn) return;
      const turn = setImmediate(() => this.#flush());
      this.#turn = () => clearImmediate(turn);
    });
  }

  /** Has a function called after each commit of messages, with how long it took; with `disk` that includes the sync. */
  measureCommits(record: (milliseconds: number) => void): void {
    this.#recordCommit = record;
  }

  async erase(): Promise<void> {
    const gaps = new PageGaps();
    try {
      for (;;) {
        this.requireOpen();
        if (!gaps.overwriteSome(this.#file.readyToCommit().file)) return;
        await new Promise<void>((resolve) => this.slicedWork.next(resolve));
      }
    } catch (error) {
      throw this.#failed("erase what was purged", explainInUse(error), codeOf(error));
    } finally {
      gaps.end();
    }
  }

  protected override get messageLog(): MessageLog {
    return this.#file.ready().messageLog;
  }

  protected override get dedup(): DedupIndex {
    return this.#file.ready().remembered.dedup;
  }

  protected override get groupMachine(): GroupMachine {
    return this.#file.ready().groups;
  }

  /** While commands wait, the time of the first one: no later time is returned before they are applied. */
  protected override get readTime(): number {
    const [first] = this.#pending;
    if (!first) return super.readTime;
    return Math.max(this.time.applied, Math.min(first.batch.time, super.readTime));
  }

  protected override close(): void {
    if (this.#turn) this.#flush();
    this.#file.close();
  }

  /** Commits what waits, feeds it, and answers. */
  #flush(): void {
    this.#turn?.();
    this.#turn = undefined;
    const pending = this.#nextBatch();
    // Others have their turn before all that many clients have put is committed.
    if (this.#pending.length > 0) this.#turn = this.#commits.next(() => this.#flush());
    let results: readonly (readonly (Result | StoreError)[])[];
    try {
      results = this.#commit(pending);
    } catch (error) {
      const failure = this.#failed("store messages", error, codeOf(error));
      results = pending.map(({ batch }) =>
        batch.commands.map((command) =>
          this.#file.findDuplicate(command) ?? failureOf(command, failure)
        )
      );
    }
    for (const [i, { resolve }] of pending.entries()) resolve(results[i]!);
  }

  /** What is committed together: what waits, but not much more than a certain number of commands. */
  #nextBatch(): PendingAppend[] {
    let count = 0;
    const end = this.#pending.findIndex(({ batch }) =>
      (count += batch.commands.length) >= COMMIT_BATCH
    );
    return this.#pending.splice(0, end < 0 || this.closed ? Infinity : end + 1);
  }

  #commit(pending: readonly PendingAppend[]): (Result | StoreError)[][] {
    const results: (Result | StoreError)[][] = [];
    const messages: TopicMessage[] = [];
    if (!pending.some(({ batch }) => isWritten(batch))) {
      const { machine, remembered: { dedup } } = this.#file.ready();
      const all = pending.map(({ batch }) => {
        try {
          const results = machine.apply(batch, messages);
          dedup.commit();
          return results;
        } catch (error) {
          // It has changed nothing, and the others have their results.
          const failure = toStoreError("change sessions", error);
          return batch.commands.map(() => failure);
        }
      });
      this.publishGroups();
      return all;
    }
    const { messageLog, machine } = this.#file.readyToCommit();
    const undoTime = this.time.savepoint();
    const begun = this.#recordCommit ? performance.now() : 0;
    try {
      messageLog.transaction(() => {
        for (const { batch } of pending) results.push(machine.apply(batch, messages));
        messageLog.flush();
      });
      this.#recordCommit?.(performance.now() - begun);
    } catch (error) {
      undoTime();
      if (!this.#file.isStored(messages.at(-1))) {
        // Only a message, or what was forgotten, tells whether it was.
        const isUnknown = messages.length === 0 && this.#file.mayBeCommitted &&
          pending.some(({ batch }) => batch.commands.some(({ type }) => type === "purge"));
        throw isUnknown ? unknownOutcome(error) : error;
      }
      if (this.#file.needsSync) {
        // Everyone can read the messages, so the feed delivers them. But nobody knows whether the disk has them.
        if (messages.length > 0) this.#publish(messages);
        throw unknownOutcome(error);
      }
    }
    this.#onCommitted();
    // Before the calls are answered: when a put is acknowledged, its readers have been served.
    if (messages.length > 0) this.#publish(messages);
    this.publishGroups();
    return results;
  }

  #onCommitted(): void {
    this.#file.committed();
    if (this.#failure) {
      this.#notify({ event: "store_recovered", message: "messages are stored again" });
    }
    this.#failure = undefined;
  }

  /** The error for those who wait for something that failed. The operator hears of it, too. */
  #failed(
    action: "store messages" | "erase what was purged",
    cause: unknown,
    code: "full" | undefined,
  ): StoreError {
    const failure = toStoreError(action, cause, code);
    const isCommit = action === "store messages";
    // What the guard has found it has said already, and says when it is over.
    if (isCommit && this.#file.fault !== undefined) return failure;
    if (isCommit) this.#failure = { at: this.time.now(), reason: failure.message };
    this.#notify({
      event: isCommit ? "store_commit_failed" : "store_purge_failed",
      message: `cannot ${action}`,
      reason: cause instanceof Error ? cause.message : String(cause),
      fields: { code: failure.code },
    });
    return failure;
  }

  #publish(messages: readonly TopicMessage[]): void {
    this.#file.fed(messages.at(-1)!.seq);
    this.feed.publish(messages);
  }
}

/** After a commit has failed, one is tried at most so often, in milliseconds, to find out whether the trouble is over. */
const TRIAL_INTERVAL = 1000;

function codeOf(error: unknown): "full" | undefined {
  return isDiskFull(error) ? "full" : undefined;
}
