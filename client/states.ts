/**
 * What becomes of a connection, for those who want to see it happen.
 *
 * @module
 */

/** What a connection is: it has a server, it looks for one, or it is closed for good. */
export type State = "connected" | "reconnecting" | "closed";

/** A connection has come into another state. */
export interface StateChange {
  /** The state that it came into. */
  readonly state: State;
  /** The address that it is connected to, or was. */
  readonly url: string;
  /** Why, unless it is connected. */
  readonly why?: string;
  /** With `connected`: it has another store than before, such as a server in memory that was started anew. */
  readonly epochChanged?: boolean;
}

/** One who does not look for a long time is told of so many changes, the newest. */
const REMEMBERED = 100;

/** The state of a connection, and its changes. */
export class States {
  #last: StateChange;
  readonly #watchers = new Set<Watcher>();

  /** Begins with a state. */
  constructor(first: StateChange) {
    this.#last = first;
  }

  /** The state now. */
  get state(): State {
    return this.#last.state;
  }

  /** Comes into another state. After `closed` there is none. */
  become(change: StateChange): void {
    if (this.state === "closed") return;
    this.#last = change;
    for (const watcher of this.#watchers) watcher.take(change);
    if (change.state === "closed") this.#watchers.clear();
  }

  /** The state now and all that come, until the connection is closed or the loop is left. */
  watch(): AsyncIterableIterator<StateChange, undefined> {
    const watcher: Watcher = new Watcher(() => this.#watchers.delete(watcher));
    watcher.take(this.#last);
    if (this.state !== "closed") this.#watchers.add(watcher);
    return watcher;
  }
}

type Next = IteratorResult<StateChange, undefined>;

class Watcher implements AsyncIterableIterator<StateChange, undefined> {
  readonly #changes: StateChange[] = [];
  readonly #waiting: ((next: Next) => void)[] = [];
  readonly #leave: () => void;
  #ended = false;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  take(change: StateChange): void {
    if (change.state === "closed") this.#ended = true;
    const waiting = this.#waiting.shift();
    if (waiting) waiting({ done: false, value: change });
    else if (this.#changes.push(change) > REMEMBERED) this.#changes.shift();
    if (this.#ended) this.#endWaiting();
  }

  next(): Promise<Next> {
    const value = this.#changes.shift();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<Next> {
    this.#ended = true;
    this.#changes.length = 0;
    this.#leave();
    this.#endWaiting();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #endWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }
}
