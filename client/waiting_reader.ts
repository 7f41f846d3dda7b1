/**
 * One who waits for a message of a topic.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { MAX_WAIT } from "../protocol/limits.ts";
import type { Deadline } from "./deadlines.ts";
import { OldestReader, type Reading } from "./readers.ts";
import type { TopicName } from "./topic.ts";

/** For how long to wait for a message (ms, or `Infinity`), and what ends that. */
export interface WaitLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A wait gives a server that is there so long to say what there is, in milliseconds, however short it is itself. */
const ONE_LOOK = 500;

/**
 * A server whose time ends a wait by so much too early (ms) has counted time for which this end was asleep, or was asked
 * for the longest time that can be asked for: it is asked again, for what is left; unless it answered sooner than this.
 */
const EARLY = { by: 1000, sooner: 500 };

/** One who waits for it. */
export class WaitingReader extends OldestReader implements Deadline {
  override readonly waits = true;
  /** When its time is over, by the clock of the deadlines, whatever becomes of the server. */
  end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** Until then a server that is there has time to say what there is. */
  readonly #look: number;
  /** When it left last, by the same clock. */
  #askedAt = 0;

  constructor(action: string, topic: TopicName, wait: WaitLimits, reading: Reading) {
    super(action, topic, reading);
    this.#signal = wait.signal;
    this.#timeout = wait.timeout;
    const begin = reading.link.deadlines.now;
    this.end = begin + wait.timeout;
    this.#look = begin + ONE_LOOK;
  }

  override ask(): void {
    super.ask();
    if (!this.open) return;
    this.#signal?.addEventListener("abort", this);
    this.reading.link.deadlines.add(this);
  }

  protected override members(): string {
    const { now } = this.reading.link.deadlines;
    this.#askedAt = now;
    // Asked again, it has waited for a while already.
    const left = this.sent ? Math.ceil(this.end - now) : this.#timeout;
    return `${super.members()},"timeout":${Math.min(MAX_WAIT, Math.max(0, left))}`;
  }

  override answered(answer: Answer): void {
    const { link } = this.reading;
    if (this.open && answer.seq === undefined && !link.requests.ended) {
      const { now } = link.deadlines;
      if (this.end - now > EARLY.by && now - this.#askedAt > EARLY.sooner) {
        link.positions.read(this.topic, this.through(answer));
        return link.requests.ask(this);
      }
    }
    super.answered(answer);
  }

  /** Its time is not over. */
  override leftOut(): void {
    this.askAnew();
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.giveUp(this.#signal!.reason);
  }

  /** What the server still has for it is the next reader's. */
  override giveUp(reason: unknown): void {
    if (!this.open) return;
    this.leave();
    this.fail(reason);
    this.callOff();
  }

  /** Its time is over; a message that is under way by now is the next reader's. */
  over(now: number): void {
    if (this.reading.link.connected && now < this.#look) this.end = this.#look;
    else {
      this.leave();
      this.take(undefined);
      this.callOff();
    }
  }

  protected override leave(): void {
    this.reading.link.deadlines.delete(this);
    this.#signal?.removeEventListener("abort", this);
    super.leave();
  }
}
