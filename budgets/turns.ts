/**
 * Whose turn it is: one process serves all connections, and none of them may keep it from the others.
 *
 * @module
 */

import { PriorityLevels } from "./priority_levels.ts";
import { afterNetworkPoll } from "./after_network_poll.ts";

/** After so long, in milliseconds, the network is looked at again, whoever has something left to do. */
const POLL_EVERY = 5;

/** The same for one who was alone for some time, in milliseconds: to look at the network interrupts what goes on. */
const POLL_EVERY_ALONE = { interval: 20, after: 100 };

/**
 * A process that has done nothing for so long has looked at the network, in milliseconds. In shorter pauses it may have
 * read more of the same connection, and looked at no other one.
 */
const IDLE_MS = 3;

/** So much of what a connection has used is forgotten by half, in milliseconds. */
const HALF_LIFE = 500;

/** What it has used is computed anew after so long only, in milliseconds: for that it makes no difference. */
const DECAY_EVERY = 1;

/** One who has used less than this lately is served at once, unless twice that time has passed, in milliseconds. */
const SMALL_USE = 4;

/** What one wants to do now counts so many times what it has used: a newcomer with much to do shall not go first. */
const WANTED_WEIGHT = 8;

/** What a byte that waits is taken to cost, in milliseconds: 4 ms for 64 KiB; and the most that counts. */
const [BYTE_COST, MAX_WANTED] = [1 / 16_384, 32];

/** Who was heard so long ago may have said more by now that has not been taken in, in milliseconds. */
const RECENT_MS = 20;

/** What turns need to know of time. */
export interface TurnsClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once all is done that can be done at once. */
  afterImmediate(callback: () => void): void;
  /** Calls back once the network was looked at. */
  afterNetworkPoll(callback: () => void): void;
}

const SYSTEM: TurnsClock = {
  now: () => performance.now(),
  afterImmediate: (callback) => void setImmediate(callback),
  afterNetworkPoll,
};

/**
 * Whatever arrives is done at once while there is time. Once the network has not been looked at for 5 ms, or while
 * others wait, it waits for its turn: those who have used least come first.
 */
export class Turns {
  readonly #clock: TurnsClock;
  readonly #waiting = new PriorityLevels();
  #polledAt = -Infinity;
  /** When something was done last, as far as is known. */
  #workedAt = -Infinity;
  /** Who was heard last, and since when it is that one alone. */
  #latestTurn: Turn | undefined;
  #latestSince = -Infinity;
  /** When somebody was heard last, and when one who is not the latest. */
  #inputAt = -Infinity;
  #othersInputAt = -Infinity;
  /** The network is about to be looked at; or it was, and those who wait go on one after another. */
  #pollScheduled = false;
  #releasing = false;

  /** Nobody waits yet. `clock` tells the time. Default: the system's. */
  constructor(clock: TurnsClock = SYSTEM) {
    this.#clock = clock;
  }

  /** The turns of one more connection. */
  join(): Turn {
    return new Turn(this, this.#clock);
  }

  /** Somebody waits. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Something has come from the network: if nothing was done just now, the process had time to look at it. */
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

  /** Something was being done until now. */
  markWorked(now: number): void {
    this.#workedAt = Math.max(this.#workedAt, now);
  }

  /** How long the network has not been looked at, in so many times what is good. */
  pollLateness(now: number): number {
    const alone = now - this.#latestSince > POLL_EVERY_ALONE.after && !this.hasWaiting;
    return (now - this.#polledAt) / (alone ? POLL_EVERY_ALONE.interval : POLL_EVERY);
  }

  /**
   * Has somebody wait.
   *
   * @param used how much it has used lately and wants to use now, in milliseconds
   * @param resume called when it may go on
   * @returns takes it out; may be called twice, and afterwards
   */
  wait(used: number, resume: () => void): () => void {
    const cancel = this.#waiting.add(used, resume);
    this.#schedulePoll();
    return cancel;
  }

  /** Whether others than the one who was heard last may have said more before. */
  hasRecentOthers(now: number): boolean {
    return now - this.#othersInputAt < RECENT_MS;
  }

  #schedulePoll(): void {
    if (this.#pollScheduled || this.#releasing) return;
    this.#pollScheduled = true;
    this.#clock.afterNetworkPoll(() => this.#onPolled());
  }

  /** The network was looked at: those who wait go on while there is time. */
  #onPolled(): void {
    this.#pollScheduled = false;
    this.#polledAt = this.#clock.now();
    this.#releasing = true;
    this.#release();
  }

  /** One goes on at a time: what it does must be seen before the next one does anything. */
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

/** The turns of one connection: what it says is taken in, and what it asked for is done, in its turn. */
export class Turn {
  readonly #turns: Turns;
  readonly #clock: TurnsClock;
  #used = 0;
  #usedAt = 0;
  #checkedAt = 0;
  /** Something has come, and was not begun. */
  #inputPending = false;
  #busy = false;
  /** Waits until it is not busy any more. */
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
   * It has used so much more.
   *
   * @param ms how much, in milliseconds
   * @param now the time
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

  /** When it looked at the clock last, which takes time. */
  get checkedAt(): number {
    return this.#checkedAt;
  }

  /** Others have to have their turn before it goes on. */
  get isOver(): boolean {
    return this.#isOver(this.#clock.now());
  }

  /** So many bytes have come from the network and are about to be dealt with: whether others have to have their turn before. */
  begin(bytes = 0): boolean {
    // What has just come was looked at then.
    const now = this.#inputPending ? this.#checkedAt : this.#clock.now();
    this.#inputPending = false;
    this.#turns.onInput(now, this);
    return this.#isOver(now, bytes * BYTE_COST);
  }

  /** Whether the bytes that have just arrived for it may be taken in now. */
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
   * @param resume called when it is there
   * @param bytes how much it has to do: those who have little to do go first
   * @returns how to wait no longer
   */
  next(resume: () => void, bytes = 0): () => void {
    const wanted = Math.min(bytes * BYTE_COST, MAX_WANTED);
    return this.#turns.wait(this.#usedBy(this.#clock.now()) / WANTED_WEIGHT + wanted, resume);
  }

  /**
   * Has what others have said before be done first, as far as it is little. The network brings a frame of each connection
   * at a time: after a pause a read of one can be there before what another one put long before.
   *
   * @param resume called when that is done
   * @returns whether there is such a thing; else `goOn` is not called
   */
  afterOthers(resume: () => void): boolean {
    if (!this.#turns.hasRecentOthers(this.#checkedAt)) return false;
    this.#clock.afterImmediate(() => this.#turns.hasWaiting ? void this.next(resume) : resume());
    return true;
  }

  /** As {@linkcode Turn.next}, but not before the connection has done what it was told before. */
  acceptNext(resume: () => void, bytes = 0): void {
    if (this.#busy) this.#whenIdle = () => this.next(resume, bytes);
    else this.next(resume, bytes);
  }

  /** It has enough to do, and takes in nothing more until it is `idle`. */
  busy(): void {
    this.#busy = true;
  }

  /** It has. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** It has done what it was told, or waits for something else. */
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

  /** How much it has used lately, in milliseconds. */
  #usedBy(now: number): number {
    return this.#used * 0.5 ** ((now - this.#usedAt) / HALF_LIFE);
  }
}
