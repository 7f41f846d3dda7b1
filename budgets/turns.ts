/**
 * Fair scheduling: one process serves all connections, and none of them may block the others.
 *
 * @module
 */

import { PriorityLevels } from "./priority_levels.ts";
import { afterNetworkPoll } from "./after_network_poll.ts";

/** The network is polled again after this time, in milliseconds, also when work is left. */
const POLL_EVERY = 5;

/** The interval while only one connection was active for a while, in milliseconds: polling interrupts its work. */
const POLL_EVERY_ALONE = { interval: 20, after: 100 };

/**
 * A process that was idle for this long has polled the network, in milliseconds. In a shorter pause it may have read more
 * from the same connection, and from no other.
 */
const IDLE_MS = 3;

/** The recorded use of a connection halves in this time, in milliseconds. */
const HALF_LIFE = 500;

/** The decay is computed at most this often, in milliseconds: within that time it makes no difference. */
const DECAY_EVERY = 1;

/** A connection with less recent use than this is served at once, unless the poll is twice overdue. In milliseconds. */
const SMALL_USE = 4;

/** Requested work counts this many times as much as past use, so that a new connection with much work does not go first. */
const WANTED_WEIGHT = 8;

/** The assumed cost of a waiting byte, in milliseconds (4 ms for 64 KiB), and the most that is counted. */
const [BYTE_COST, MAX_WANTED] = [1 / 16_384, 32];

/** A connection that sent something this recently may have sent more that is not read yet. In milliseconds. */
const RECENT_MS = 20;

/** The clock and the scheduling that turns need. */
export interface TurnsClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once everything that is ready has run. */
  afterImmediate(callback: () => void): void;
  /** Calls back once the network has been polled. */
  afterNetworkPoll(callback: () => void): void;
}

const SYSTEM: TurnsClock = {
  now: () => performance.now(),
  afterImmediate: (callback) => void setImmediate(callback),
  afterNetworkPoll,
};

/**
 * Input is processed at once while there is time. Once the network has not been polled for 5 ms, or while others wait, it
 * waits for its turn: connections with the least use come first.
 */
export class Turns {
  readonly #clock: TurnsClock;
  readonly #waiting = new PriorityLevels();
  #polledAt = -Infinity;
  /** When work was done last, as far as is known. */
  #workedAt = -Infinity;
  /** The connection that sent something last, and since when it is the only one. */
  #latestTurn: Turn | undefined;
  #latestSince = -Infinity;
  /** When any connection sent something last, and when one other than the latest did. */
  #inputAt = -Infinity;
  #othersInputAt = -Infinity;
  /** The network is about to be polled; or it was, and the waiting tasks resume one at a time. */
  #pollScheduled = false;
  #releasing = false;

  /** Starts with nobody waiting. `clock` defaults to the system's. */
  constructor(clock: TurnsClock = SYSTEM) {
    this.#clock = clock;
  }

  /** Adds a connection. */
  join(): Turn {
    return new Turn(this, this.#clock);
  }

  /** Whether a connection waits. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Input came from the network. If the process was idle just before, it has polled the network. */
  onInput(now: number, turn: Turn): void {
    if (turn !== this.#latestTurn) {
      this.#latestTurn = turn;
      this.#latestSince = now;
      this.#othersInputAt = this.#inputAt;
    }
    this.#inputAt = now;
    if (now - this.#workedAt > IDLE_MS && !this.#pollScheduled) this.#polledAt = now;
    this.#workedAt = now;
  }

  /** The process was busy until now. */
  markWorked(now: number): void {
    this.#workedAt = Math.max(this.#workedAt, now);
  }

  /** The time since the last poll, as a multiple of the interval. */
  pollLateness(now: number): number {
    const alone = now - this.#latestSince > POLL_EVERY_ALONE.after && !this.hasWaiting;
    return (now - this.#polledAt) / (alone ? POLL_EVERY_ALONE.interval : POLL_EVERY);
  }

  /**
   * Waits for a turn.
   *
   * @param used recent and requested use, in milliseconds
   * @param resume called when the turn comes
   * @returns cancels the wait; may be called twice, and after the turn
   */
  wait(used: number, resume: () => void): () => void {
    const cancel = this.#waiting.add(used, resume);
    this.#schedulePoll();
    return cancel;
  }

  /** Whether other connections than the latest may have sent something before that is not processed yet. */
  hasRecentOthers(now: number): boolean {
    return now - this.#othersInputAt < RECENT_MS;
  }

  #schedulePoll(): void {
    if (this.#pollScheduled || this.#releasing) return;
    this.#pollScheduled = true;
    this.#clock.afterNetworkPoll(() => this.#onPolled());
  }

  /** The network was polled: waiting tasks resume while there is time. */
  #onPolled(): void {
    this.#pollScheduled = false;
    this.#polledAt = this.#clock.now();
    this.#releasing = true;
    this.#release();
  }

  /** Resumes one task at a time: its effects must be visible before the next one runs. */
  #release(): void {
    if (!this.hasWaiting || this.pollLateness(this.#clock.now()) >= 1) {
      this.#releasing = false;
      if (this.hasWaiting) this.#schedulePoll();
      return;
    }
    this.#waiting.next()();
    this.#clock.afterImmediate(() => this.#release());
  }
}

/** The turns of one connection: its input is read, and its requests are processed, in its turn. */
export class Turn {
  readonly #turns: Turns;
  readonly #clock: TurnsClock;
  #used = 0;
  #usedAt = 0;
  #checkedAt = 0;
  /** Input has arrived, and its processing has not begun. */
  #inputPending = false;
  #busy = false;
  /** Called when it becomes idle. */
  #whenIdle: (() => void) | undefined;

  /** See {@linkcode Turns.join}. */
  constructor(turns: Turns, clock: TurnsClock) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /** Milliseconds since some moment. */
  now(): number {
    return this.#checkedAt = this.#clock.now();
  }

  /**
   * Records use.
   *
   * @param ms the time used, in milliseconds
   * @param now the present time
   */
  charge(ms: number, now: number = this.#clock.now()): void {
    if (now - this.#usedAt > DECAY_EVERY) {
      this.#used = this.#usedBy(now);
      this.#usedAt = now;
    }
    this.#used += ms;
    this.#checkedAt = now;
    this.#turns.markWorked(now);
  }

  /** When it read the clock last. Reading it takes time. */
  get checkedAt(): number {
    return this.#checkedAt;
  }

  /** Others must have their turn before it continues. */
  get isOver(): boolean {
    return this.#isOver(this.#clock.now());
  }

  /** Input of this size is about to be processed: whether others must have their turn first. */
  begin(bytes = 0): boolean {
    // For input that has just arrived, the clock was read then.
    const now = this.#inputPending ? this.#checkedAt : this.#clock.now();
    this.#inputPending = false;
    this.#turns.onInput(now, this);
    return this.#isOver(now, bytes * BYTE_COST);
  }

  /** Whether input of this size, which has just arrived, may be read now. */
  mayAccept(bytes = 0): boolean {
    const now = this.now();
    this.#inputPending = true;
    this.#turns.onInput(now, this);
    const wanted = bytes * BYTE_COST;
    if (this.#busy || this.#isOver(now, wanted)) return false;
    return !this.#turns.hasWaiting || this.#usedBy(now) + wanted < SMALL_USE;
  }

  /**
   * Waits for the next turn.
   *
   * @param resume called when the turn comes
   * @param bytes the size of its work: little work goes first
   * @returns cancels the wait
   */
  next(resume: () => void, bytes = 0): () => void {
    const wanted = Math.min(bytes * BYTE_COST, MAX_WANTED);
    return this.#turns.wait(this.#usedBy(this.#clock.now()) / WANTED_WEIGHT + wanted, resume);
  }

  /**
   * Lets earlier input of other connections run first, as far as it is little. A poll of the network yields one frame of
   * each connection, so after a pause a read can arrive before a put that another connection sent long before.
   *
   * @param resume called when that is done
   * @returns whether there may be such input; if not, `resume` is not called
   */
  afterOthers(resume: () => void): boolean {
    if (!this.#turns.hasRecentOthers(this.#checkedAt)) return false;
    this.#clock.afterImmediate(() => this.#turns.hasWaiting ? void this.next(resume) : resume());
    return true;
  }

  /** As {@linkcode Turn.next}, but not before the connection has finished its present work. */
  acceptNext(resume: () => void, bytes = 0): void {
    if (this.#busy) this.#whenIdle = () => this.next(resume, bytes);
    else this.next(resume, bytes);
  }

  /** It has enough work, and reads nothing more until {@linkcode Turn.idle}. */
  busy(): void {
    this.#busy = true;
  }

  /** Whether it is busy. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** It has finished its work, or waits for something else. */
  idle(): void {
    this.#turns.markWorked(this.#clock.now());
    if (!this.#busy) return;
    this.#busy = false;
    const whenIdle = this.#whenIdle;
    this.#whenIdle = undefined;
    whenIdle?.();
  }

  #isOver(now: number, wanted = 0): boolean {
    this.#checkedAt = now;
    this.#turns.markWorked(now);
    const lateness = this.#turns.pollLateness(now);
    return lateness >= 1 && (lateness >= 2 || this.#usedBy(now) + wanted >= SMALL_USE);
  }

  /** Its recent use, in milliseconds. */
  #usedBy(now: number): number {
    return this.#used * 0.5 ** ((now - this.#usedAt) / HALF_LIFE);
  }
}
