/**
 * Heartbeats, between the server and those who asked for them.
 *
 * @module
 */

import { HEARTBEAT, SILENCE } from "../protocol/limits.ts";
import { IdMap } from "../protocol/name_map.ts";
import type { Bounds } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import type { Queue } from "./queue.ts";

/** One who sends heartbeats, and is expected to answer them. */
export interface Pulse {
  /** Whether something was heard of the peer since it was asked so last. */
  wasHeard(): boolean;
  /** For how much longer than usual the peer may be silent, in milliseconds: while what is under way passes. */
  readonly slack: number;
  /** Sends a heartbeat. */
  beat(every: number, bounds: Bounds): void;
  /** The peer was not heard for too long. */
  silent(): void;
}

/** Nobody rests for longer, in milliseconds: there are proxies that cut what rests for 30 s. */
const LONGEST_REST = 20_000;

/** Those of one interval take turns in so many parts of it: to serve thousands at once would hold others up. */
const PARTS = 16;

/** From one look at a part to the next: a beat is a look, too. */
const PARTS_A_LOOK = PARTS / SILENCE.looks;

/**
 * How many different intervals are served exactly. Any other is rounded down to a shorter one: else there would be a
 * timer for each of 600,000 of them, if that many were asked for.
 */
const EXACT = 64;

/** Sends all who asked for it a heartbeat each so often. */
export class Pulses {
  readonly #queue: Queue;
  readonly #clock: Clock;
  /** By interval, in milliseconds. */
  readonly #rounds = new IdMap<Round>();
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
   * @param every at least how often, in milliseconds
   * @returns how to end it; may be called twice
   */
  begin(pulse: Pulse, every: number): () => void {
    const leave = this.#join(pulse, every);
    if (every <= LONGEST_REST) return leave;
    // It is judged as it asked to be, and asked more often.
    const between = {
      wasHeard: () => true,
      slack: 0,
      beat: (_: number, bounds: Bounds) => pulse.beat(every, bounds),
      silent: () => {},
    };
    const leaveBetween = this.#join(between, LONGEST_REST);
    return () => {
      leave();
      leaveBetween();
    };
  }

  #join(pulse: Pulse, every: number): () => void {
    const round = this.#rounds.get(every) ?? this.#open(this.#served(every));
    const part = round.join(pulse, every);
    return () => {
      part.silences.delete(pulse);
      if (round.empty && this.#rounds.get(round.every) === round) this.#close(round);
    };
  }

  /** The interval by which a new one is served. */
  #served(every: number): number {
    if (this.#rounds.size < EXACT) return every;
    const { least } = HEARTBEAT;
    return least * 2 ** Math.floor(Math.log2(every / least));
  }

  /** Ends all. */
  stop(): void {
    for (const round of this.#rounds.values()) this.#close(round);
  }

  #open(every: number): Round {
    const known = this.#rounds.get(every);
    if (known) return known;
    const round = new Round(every, this.#now);
    this.#rounds.set(every, round);
    this.#turn(every, round);
    return round;
  }

  #close(round: Round): void {
    round.callOff();
    this.#rounds.delete(round.every);
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  #turn(every: number, round: Round): void {
    const begin = this.#now;
    // A timer that is late does not make the next one later; but what was slept through is not made up for.
    round.due = Math.max(round.due + every / PARTS, begin);
    round.callOff = this.#clock.after(round.due - begin, () => {
      this.#turn(every, round);
      const now = this.#now;
      const [part, ...others] = round.next();
      const silent = [...others, part!].flatMap((one) => look(one, now));
      // Thousands may have left at one moment.
      void this.#queue.urgent.each(silent, silent.length, (pulse) => pulse.silent());
      // Where time jumps, or the store does not answer, nobody is asked again before he could answer.
      if (!part!.beating) {
        part!.beating = this.#beat(part!).finally(() => part!.beating = undefined);
      }
    });
  }

  async #beat({ silences }: Part): Promise<void> {
    if (silences.size === 0) return;
    // A store that does not answer is no reason to call a peer dead, or to be called so.
    const bounds = await this.#queue.store.bounds().catch(() => this.#last);
    this.#last = bounds;
    if (!bounds) return;
    // In slices: thousands at once would hold others up. Those who have gone before their turn are left out.
    await this.#queue.urgent.each(
      silences,
      silences.size,
      ([pulse, { every }]) => pulse.beat(every, bounds),
    );
  }
}

/** Takes out those of a part that were not heard for too long. */
function look(part: Part, now: number): Pulse[] {
  const { silences, beating, lookedAt } = part;
  // Those who were not asked yet have nothing to answer.
  if (beating) return [];
  part.lookedAt = now;
  const passed = now - lookedAt;
  const silent: Pulse[] = [];
  for (const [pulse, silence] of silences) {
    const { every } = silence;
    silence.ms = pulse.wasHeard() ? 0 : silence.ms + passed;
    // What came while this process was asleep is still to be read.
    if (passed > every) silence.ms = Math.min(silence.ms, every);
    else if (silence.ms >= SILENCE.intervals * every + pulse.slack) silent.push(pulse);
  }
  for (const pulse of silent) silences.delete(pulse);
  return silent;
}

/** For how long nothing was heard of a peer, and how often it wants to be asked, in milliseconds. */
interface Silence {
  ms: number;
  readonly every: number;
}

/** Those of one interval who are asked at one time. */
interface Part {
  readonly silences: Map<Pulse, Silence>;
  /** When it was looked at last, by the monotonic clock. */
  lookedAt: number;
  beating: Promise<void> | undefined;
}

/** Those with one interval. */
class Round {
  /** The interval, in milliseconds. */
  readonly every: number;
  readonly #parts: readonly Part[] = Array.from({ length: PARTS }, () => ({
    silences: new Map<Pulse, Silence>(),
    lookedAt: 0,
    beating: undefined,
  }));
  #joined = 0;
  #next = 0;
  callOff: () => void = () => {};
  /** When the next turn is, by the monotonic clock. */
  due: number;

  /** Begins now. */
  constructor(every: number, now: number) {
    this.every = every;
    this.due = now;
  }

  get empty(): boolean {
    return this.#parts.every(({ silences }) => silences.size === 0);
  }

  /** Each who joins goes to the next part, so that all are of about one size. */
  join(pulse: Pulse, every: number): Part {
    const part = this.#parts[this.#joined++ % PARTS]!;
    part.silences.set(pulse, { ms: 0, every });
    return part;
  }

  /** Those whose turn it is: first the part that is asked, then those that are only looked at. */
  next(): Part[] {
    const turn = this.#next++;
    return Array.from(
      { length: SILENCE.looks },
      (_, i) => this.#parts[(turn + i * PARTS_A_LOOK) % PARTS]!,
    );
  }
}
