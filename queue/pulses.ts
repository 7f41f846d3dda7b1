/**
 * Heartbeats, between the server and those who asked for them.
 *
 * @module
 */

import { PEER_SPEED } from "../protocol/limits.ts";
import type { Bounds } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import type { Queue } from "./queue.ts";

/** One who sends heartbeats, and is expected to answer them. */
export interface Pulse {
  /** Something was heard of the peer since this was last set to `false`. */
  heard: boolean;
  /** How many bytes may be under way, either way, since something was heard: while they pass, the peer is silent. */
  readonly underWay: number;
  /** Sends a heartbeat. */
  beat(every: number, bounds: Bounds): void;
  /** The peer was not heard for too long. */
  silent(): void;
}

/** A peer is given up when it was not heard for more intervals than this, and what is under way had time to pass. */
const MAX_MISSED = 2;

/** Those of one interval take turns in so many parts of it: to serve thousands at once would hold others up. */
const PARTS = 16;

/** Sends all who asked for it a heartbeat each so often. */
export class Pulses {
  readonly #queue: Queue;
  readonly #clock: Clock;
  /** By interval, in milliseconds. */
  readonly #rounds = new Map<number, Round>();
  /** Where the store stood when it said so last. */
  #last: Bounds | undefined;

  /** Nobody has asked yet. */
  constructor(queue: Queue) {
    this.#queue = queue;
    this.#clock = queue.clock;
  }

  /**
   * Begins to send heartbeats.
   *
   * @param pulse who asked
   * @param every how often, in milliseconds
   * @returns how to end it; may be called twice
   */
  begin(pulse: Pulse, every: number): () => void {
    const round = this.#rounds.get(every) ?? this.#open(every);
    const part = round.join(pulse);
    return () => {
      part.silences.delete(pulse);
      if (round.empty && this.#rounds.get(every) === round) this.#close(every, round);
    };
  }

  /** Ends all. */
  stop(): void {
    for (const [every, round] of this.#rounds) this.#close(every, round);
  }

  #open(every: number): Round {
    const round = new Round();
    this.#rounds.set(every, round);
    this.#turn(every, round);
    return round;
  }

  #close(every: number, round: Round): void {
    round.callOff();
    this.#rounds.delete(every);
  }

  #turn(every: number, round: Round): void {
    round.callOff = this.#clock.after(every / PARTS, () => {
      this.#turn(every, round);
      const part = round.next();
      // Where time jumps, or the store does not answer, nobody is asked again before he could answer.
      if (!part.beating) {
        part.beating = this.#beat(every, part).finally(() => part.beating = undefined);
      }
    });
  }

  async #beat(every: number, { silences }: Part): Promise<void> {
    if (silences.size === 0) return;
    // A store that does not answer is no reason to call a peer dead, or to be called so.
    const bounds = await this.#queue.store.bounds().catch(() => this.#last);
    this.#last = bounds;
    for (const [pulse, silence] of [...silences]) {
      silence.intervals = pulse.heard ? 0 : silence.intervals + 1;
      pulse.heard = false;
      const passing = pulse.underWay / (PEER_SPEED * every / 1000);
      if (silence.intervals > MAX_MISSED + passing) pulse.silent();
      else if (bounds) pulse.beat(every, bounds);
    }
  }
}

/** For how many intervals nothing was heard of a peer. */
interface Silence {
  intervals: number;
}

/** Those of one interval who are asked at one time. */
interface Part {
  readonly silences: Map<Pulse, Silence>;
  beating: Promise<void> | undefined;
}

/** Those with one interval. */
class Round {
  readonly #parts: readonly Part[] = Array.from({ length: PARTS }, () => ({
    silences: new Map(),
    beating: undefined,
  }));
  #joined = 0;
  #next = 0;
  callOff: () => void = () => {};

  get empty(): boolean {
    return this.#parts.every(({ silences }) => silences.size === 0);
  }

  /** Each who joins goes to the next part, so that all are of about one size. */
  join(pulse: Pulse): Part {
    const part = this.#parts[this.#joined++ % PARTS]!;
    part.silences.set(pulse, { intervals: 0 });
    return part;
  }

  next(): Part {
    return this.#parts[this.#next++ % PARTS]!;
  }
}
