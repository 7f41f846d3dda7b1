/**
 * Whose turn it is: one process serves all connections, and none of them may keep it from the others.
 *
 * @module
 */

import { Levels } from "./levels.ts";
import { afterLook } from "./look.ts";

/** After so long, in milliseconds, the network is looked at again, whoever has something left to do. */
const LOOK = 5;

/** The same for one who was alone for some time, in milliseconds: to look at the network interrupts what goes on. */
const ALONE = { look: 20, after: 100 };

/**
 * A process that has done nothing for so long has looked at the network, in milliseconds. In shorter pauses it may have
 * read more of the same connection, and looked at no other one.
 */
const IDLE = 3;

/** So much of what a connection has used is forgotten by half, in milliseconds. */
const HALF_LIFE = 500;

/** What it has used is computed anew after so long only, in milliseconds: for that it makes no difference. */
const FORGETS_EVERY = 1;

/** One who has used less than this lately is served at once, unless twice that time has passed, in milliseconds. */
const LITTLE = 4;

/** What one wants to do now counts so many times what it has used: a newcomer with much to do shall not go first. */
const WANTED = 8;

/** What a byte that waits is taken to cost, in milliseconds: 4 ms for 64 KiB; and the most that counts. */
const [BYTE, MOST_WANTED] = [1 / 16_384, 32];

/** Who was heard so long ago may have said more by now that has not been taken in, in milliseconds. */
const COMPANY = 20;

/** What turns need to know of time. */
export interface TurnsClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back once all is done that can be done at once. */
  afterThis(callback: () => void): void;
  /** Calls back once the network was looked at. */
  afterLook(callback: () => void): void;
}

const SYSTEM: TurnsClock = {
  now: () => performance.now(),
  afterThis: (callback) => void setImmediate(callback),
  afterLook,
};

/**
 * Whatever arrives is done at once while there is time. Once the network has not been looked at for 5 ms, or while
 * others wait, it waits for its turn: those who have used least come first.
 */
export class Turns {
  readonly #clock: TurnsClock;
  readonly #waiting = new Levels();
  #began = -Infinity;
  /** When something was done last, as far as is known. */
  #worked = -Infinity;
  /** Who was heard last, and since when it is that one alone. */
  #latest: Turn | undefined;
  #changed = -Infinity;
  /** When somebody was heard last, and when one who is not the latest. */
  #heard = -Infinity;
  #othersHeard = -Infinity;
  /** The network is about to be looked at; or it was, and those who wait go on one after another. */
  #looks = false;
  #releases = false;

  /**
   * Nobody waits yet.
   *
   * @param clock tells the time. Default: the system's
   */
  constructor(clock: TurnsClock = SYSTEM) {
    this.#clock = clock;
  }

  /** The turns of one more connection. */
  join(): Turn {
    return new Turn(this, this.#clock);
  }

  /** Somebody waits. */
  get crowded(): boolean {
    return this.#waiting.size > 0;
  }

  /** Something has come from the network: if nothing was done just now, the process had time to look at it. */
  enter(now: number, turn: Turn): void {
    if (turn !== this.#latest) {
      this.#latest = turn;
      this.#changed = now;
      this.#othersHeard = this.#heard;
    }
    this.#heard = now;
    if (now - this.#worked > IDLE && !this.#looks) this.#began = now;
    this.#worked = now;
  }

  /** Something was being done until now. */
  worked(now: number): void {
    this.#worked = Math.max(this.#worked, now);
  }

  /** How long the network has not been looked at, in so many times what is good. */
  looksSince(now: number): number {
    const alone = now - this.#changed > ALONE.after && !this.crowded;
    return (now - this.#began) / (alone ? ALONE.look : LOOK);
  }

  /**
   * Has somebody wait.
   *
   * @param used how much it has used lately and wants to use now, in milliseconds
   * @param goOn called when it may go on
   * @returns takes it out; may be called twice, and afterwards
   */
  wait(used: number, goOn: () => void): () => void {
    const leave = this.#waiting.add(used, goOn);
    this.#look();
    return leave;
  }

  /** Whether others than the one who was heard last may have said more before. */
  hasCompany(now: number): boolean {
    return now - this.#othersHeard < COMPANY;
  }

  #look(): void {
    if (this.#looks || this.#releases) return;
    this.#looks = true;
    this.#clock.afterLook(() => this.#looked());
  }

  /** The network was looked at: those who wait go on while there is time. */
  #looked(): void {
    this.#looks = false;
    this.#began = this.#clock.now();
    this.#releases = true;
    this.#release();
  }

  /** One goes on at a time: what it does must be seen before the next one does anything. */
  #release(): void {
    if (!this.crowded || this.looksSince(this.#clock.now()) >= 1) {
      this.#releases = false;
      if (this.crowded) this.#look();
      return;
    }
    this.#waiting.next()();
    this.#clock.afterThis(() => this.#release());
  }
}

/** The turns of one connection: what it says is taken in, and what it asked for is done, in its turn. */
export class Turn {
  readonly #turns: Turns;
  readonly #clock: TurnsClock;
  #used = 0;
  #usedAt = 0;
  #lookedAt = 0;
  /** Something has come, and was not begun. */
  #entered = false;
  #busy = false;
  /** Waits until it is not busy any more. */
  #afterwards: (() => void) | undefined;

  /** See {@linkcode Turns.join}. */
  constructor(turns: Turns, clock: TurnsClock) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /** Milliseconds since some moment. */
  now(): number {
    return this.#lookedAt = this.#clock.now();
  }

  /**
   * It has used so much more.
   *
   * @param ms how much, in milliseconds
   * @param now the time
   */
  charge(ms: number, now: number = this.#clock.now()): void {
    if (now - this.#usedAt > FORGETS_EVERY) {
      this.#used = this.#usedBy(now);
      this.#usedAt = now;
    }
    this.#used += ms;
    this.#lookedAt = now;
    this.#turns.worked(now);
  }

  /** When it looked at the clock last, which takes time. */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  /** Others have to have their turn before it goes on. */
  get isOver(): boolean {
    return this.#isOver(this.#clock.now());
  }

  /**
   * Something has come from the network and is about to be done: whether others have to have their turn before.
   *
   * @param bytes how much that is
   */
  begins(bytes = 0): boolean {
    // What has just come was looked at then.
    const now = this.#entered ? this.#lookedAt : this.#clock.now();
    this.#entered = false;
    this.#turns.enter(now, this);
    return this.#isOver(now, bytes * BYTE);
  }

  /**
   * What has just arrived for it may be taken in.
   *
   * @param bytes how much that is
   */
  enters(bytes = 0): boolean {
    const now = this.now();
    this.#entered = true;
    this.#turns.enter(now, this);
    const wanted = bytes * BYTE;
    if (this.#busy || this.#isOver(now, wanted)) return false;
    return !this.#turns.crowded || this.#usedBy(now) + wanted < LITTLE;
  }

  /**
   * Waits for the next turn.
   *
   * @param goOn called when it is there
   * @param bytes how much it has to do: those who have little to do go first
   * @returns how to wait no longer
   */
  next(goOn: () => void, bytes = 0): () => void {
    const wanted = Math.min(bytes * BYTE, MOST_WANTED);
    return this.#turns.wait(this.#usedBy(this.#clock.now()) / WANTED + wanted, goOn);
  }

  /**
   * Has what others have said before be done first, as far as it is little. The network brings a frame of each connection
   * at a time: after a pause a read of one can be there before what another one put long before.
   *
   * @param goOn called when that is done
   * @returns whether there is such a thing; else `goOn` is not called
   */
  afterOthers(goOn: () => void): boolean {
    if (!this.#turns.hasCompany(this.#lookedAt)) return false;
    this.#clock.afterThis(() => this.#turns.crowded ? void this.next(goOn) : goOn());
    return true;
  }

  /** As {@linkcode Turn.next}, but not before the connection has done what it was told before. */
  enterNext(goOn: () => void, bytes = 0): void {
    if (this.#busy) this.#afterwards = () => this.next(goOn, bytes);
    else this.next(goOn, bytes);
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
    this.#turns.worked(this.#clock.now());
    if (!this.#busy) return;
    this.#busy = false;
    const afterwards = this.#afterwards;
    this.#afterwards = undefined;
    afterwards?.();
  }

  #isOver(now: number, wanted = 0): boolean {
    this.#lookedAt = now;
    this.#turns.worked(now);
    const looks = this.#turns.looksSince(now);
    return looks >= 1 && (looks >= 2 || this.#usedBy(now) + wanted >= LITTLE);
  }

  /** How much it has used lately, in milliseconds. */
  #usedBy(now: number): number {
    return this.#used * 0.5 ** ((now - this.#usedAt) / HALF_LIFE);
  }
}
