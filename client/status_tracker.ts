/**
 * The status of a connection, and its changes.
 *
 * @module
 */

import type { DsmqError, ErrorCode } from "../protocol/errors.ts";

/** Whether a connection is connected, reconnecting, or closed for good. */
export type ConnectionStatus = "connected" | "reconnecting" | "closed";

/** A change of the status of a connection. */
export interface StatusChange {
  /** The new status. */
  readonly status: ConnectionStatus;
  /** The address that it is, or was, connected to. */
  readonly url: string;
  /** Why, unless it is connected. */
  readonly reason?: string;
  /** With `connected`: the server has another store than before, such as a memory server that was restarted. */
  readonly epochChanged?: boolean;
}

/** How a connection ended for good. */
export interface CloseInfo {
  /** `closed`, or why it cannot continue: `unauthorized`, `session_taken_over` or `protocol_error`. */
  readonly code: ErrorCode;
  /** Why, in words. */
  readonly reason: string;
  /**
   * The error that ended it; `undefined` if the caller closed it. If the client could not reconnect, its `cause` is the error of
   * the last attempt, with the `reason`.
   */
  readonly error?: DsmqError;
}

/** This many changes are kept for an iterator that is not read, the newest ones. */
const MAX_BUFFERED_CHANGES = 100;

/** Holds the status, and tells iterators of its changes. */
export class StatusTracker {
  #last: StatusChange;
  readonly #watchers = new Set<StatusWatcher>();

  /** Begins with a status. */
  constructor(first: StatusChange) {
    this.#last = first;
  }

  /** The present status. */
  get current(): ConnectionStatus {
    return this.#last.status;
  }

  /** Changes the status. After `closed` there are no changes. */
  update(change: StatusChange): void {
    if (this.current === "closed") return;
    this.#last = change;
    for (const watcher of this.#watchers) watcher.push(change);
    if (change.status === "closed") this.#watchers.clear();
  }

  /** The present status and each change, until the connection is closed or the loop ends. */
  changes(): AsyncIterableIterator<StatusChange, undefined> {
    const watcher: StatusWatcher = new StatusWatcher(() => this.#watchers.delete(watcher));
    watcher.push(this.#last);
    if (this.current !== "closed") this.#watchers.add(watcher);
    return watcher;
  }
}

type NextStatus = IteratorResult<StatusChange, undefined>;

class StatusWatcher implements AsyncIterableIterator<StatusChange, undefined> {
  readonly #changes: StatusChange[] = [];
  readonly #resolvers: ((next: NextStatus) => void)[] = [];
  readonly #onReturn: () => void;
  #isEnded = false;

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(change: StatusChange): void {
    if (change.status === "closed") this.#isEnded = true;
    const resolve = this.#resolvers.shift();
    if (resolve) resolve({ done: false, value: change });
    else if (this.#changes.push(change) > MAX_BUFFERED_CHANGES) this.#changes.shift();
    if (this.#isEnded) this.#endResolvers();
  }

  next(): Promise<NextStatus> {
    const value = this.#changes.shift();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }

  return(): Promise<NextStatus> {
    this.#isEnded = true;
    this.#changes.length = 0;
    this.#onReturn();
    this.#endResolvers();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #endResolvers(): void {
    for (const resolve of this.#resolvers.splice(0)) resolve({ done: true, value: undefined });
  }
}
