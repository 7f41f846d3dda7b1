/**
 * What becomes of a connection, for those who want to see it happen.
 *
 * @module
 */

/** What a connection is: it has a server, it looks for one, or it is closed for good. */
export type ConnectionStatus = "connected" | "reconnecting" | "closed";

/** A connection has come into another state. */
export interface StatusChange {
  /** The state that it came into. */
  readonly status: ConnectionStatus;
  /** The address that it is connected to, or was. */
  readonly url: string;
  /** Why, unless it is connected. */
  readonly reason?: string;
  /** With `connected`: it has another store than before, such as a server in memory that was started anew. */
  readonly epochChanged?: boolean;
}

/** One who does not look for a long time is told of so many changes, the newest. */
const MAX_BUFFERED_CHANGES = 100;

/** The state of a connection, and its changes. */
export class StatusTracker {
  #last: StatusChange;
  readonly #watchers = new Set<StatusWatcher>();

  /** Begins with a state. */
  constructor(first: StatusChange) {
    this.#last = first;
  }

  /** The state now. */
  get current(): ConnectionStatus {
    return this.#last.status;
  }

  /** Comes into another state. After `closed` there is none. */
  update(change: StatusChange): void {
    if (this.current === "closed") return;
    this.#last = change;
    for (const watcher of this.#watchers) watcher.push(change);
    if (change.status === "closed") this.#watchers.clear();
  }

  /** The state now and all that come, until the connection is closed or the loop is left. */
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
