/**
 * A connection that has not been admitted: it may say hello, and nothing else is done for it.
 *
 * @module
 */

import type { Digest } from "../door/tokens.ts";
import { errorAnswer } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { type FirstHello, readFirstHello } from "../protocol/first_frame.ts";
import { isHeartbeat } from "../protocol/frames.ts";
import { FIRST_BYTES, FIRST_FRAMES } from "../protocol/limits.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Clock } from "../queue/clock.ts";
import { Goodbye } from "../queue/goodbye.ts";
import type { Peer, Visit } from "../transports/transport.ts";

/** How long a peer that broke the rules has to hear why, in milliseconds. */
const LAST_WORD = 500;

/** The same where another needs its seat. */
const SHORT_WORD = 100;

/** How long one who was told to leave has to do so, in milliseconds. */
const GRACE = 2000;

/** What may come, where the transport can see it: parts of frames, and pings, count as well. */
const FIRST_INPUT = { bytes: FIRST_BYTES, frames: 4 * FIRST_FRAMES };

/** With which code a connection is closed, and why. */
export type CloseReason = readonly [code: number, reason: string];

/** What comes of a hello. */
export type Judged =
  /** It goes on with this. */
  | { readonly visit: Visit }
  /** It may say hello again, or has to leave. */
  | { readonly error: WireError; readonly ending?: CloseReason };

/** How a newcomer is received. */
export interface Reception {
  readonly clock: Clock;
  /** How long it has to say what admits it, in milliseconds. */
  readonly time: number;
  /** The digest of a token that it brings. */
  digestOf(token: string): Promise<Digest>;
  /** Judges a hello, with the digest of its token if it brings one. */
  judge(newcomer: Newcomer, hello: FirstHello, digest: Digest | undefined): Judged;
  /** How it ends if it says something else, or nothing in time. */
  turnedAway(): CloseReason;
  /** It has not been admitted in time, though a visit has begun. */
  late(): void;
  /** It is gone. */
  left(): void;
  /** Takes a defect. */
  failed(error: unknown): void;
}

/** The visit of a peer that has not been admitted, which becomes the visit that it is admitted to. */
export class Newcomer implements Visit {
  readonly #peer: Peer;
  readonly #reception: Reception;
  readonly #goodbye: Goodbye;
  #frames = 0;
  #characters = 0;
  /** What came while its hello is being judged. */
  #waiting: unknown[] | undefined;
  #visit: Visit | undefined;
  /** It is gone, and its hello is being judged. */
  #gone = false;
  /** It was told to leave: nothing that it says is looked at. */
  #leaving = false;
  /** It is not even listened to. */
  #over = false;
  #callOff: () => void;

  /** It has come. */
  constructor(peer: Peer, reception: Reception) {
    this.#peer = peer;
    this.#reception = reception;
    this.#goodbye = new Goodbye(peer, reception.clock);
    this.#callOff = reception.clock.after(reception.time, () => this.#late());
    // Only here are pings seen, and frames that are not whole.
    peer.limitInput?.(FIRST_INPUT, () => this.#breaksRules("it has said too much"));
  }

  receive(data: unknown): void {
    if (this.#visit) return this.#visit.receive(data);
    if (this.#over) return;
    this.#characters += typeof data === "string" ? data.length : Infinity;
    if (++this.#frames > FIRST_FRAMES || this.#characters > FIRST_BYTES) {
      return this.#breaksRules("it has said too much");
    }
    if (this.#leaving) this.#goodbye.heard();
    else if (this.#waiting) this.#waiting.push(data);
    else this.#understand(data);
  }

  closed(): void {
    // What it said before it left counts, if its hello is good.
    this.#gone = this.#waiting !== undefined;
    if (this.#gone) return;
    this.#ends();
    this.#reception.left();
  }

  /** What it is admitted to, if it is. */
  get visit(): Visit | undefined {
    return this.#visit;
  }

  /** It is one of those who are in. */
  admitted(): void {
    this.#callOff();
    this.#peer.limitInput?.(undefined);
  }

  /** Closes it once it can hear why. */
  leave(...[code, reason]: CloseReason): void {
    if (this.#leaving) return;
    this.#isLeaving();
    void this.#goodbye.say(code, reason);
  }

  /** The same for a peer that has only just come, and has nothing to read first. */
  turnAway(...[code, reason]: CloseReason): void {
    this.#isLeaving();
    this.#peer.close(code, reason);
    this.#dropAfter(GRACE);
  }

  /** Closes it at once, because another needs its seat. */
  putOut(...ending: CloseReason): void {
    this.#cutOff(ending, SHORT_WORD);
  }

  /** Gives it up. */
  drop(): void {
    this.#peer.drop("it did not answer the goodbye");
  }

  #breaksRules(what: string): void {
    const [code, reason] = this.#reception.turnedAway();
    this.#cutOff([code, `${what}: ${reason}`], LAST_WORD);
  }

  /** Reads nothing more of what it sends. */
  #cutOff([code, reason]: CloseReason, ms: number): void {
    if (this.#over) return;
    this.#ends();
    this.#peer.cutOff(code, reason);
    this.#dropAfter(ms);
  }

  #isLeaving(): void {
    this.#leaving = true;
    this.#waiting = undefined;
    this.#callOff();
  }

  #ends(): void {
    this.#isLeaving();
    this.#over = true;
    this.#goodbye.end();
    this.#peer.limitInput?.(undefined);
    this.#visit?.closed();
    this.#visit = undefined;
  }

  #dropAfter(ms: number): void {
    this.#callOff = this.#reception.clock.after(ms, () => this.drop());
  }

  #late(): void {
    if (this.#visit) this.#reception.late();
    else this.leave(...this.#reception.turnedAway());
  }

  #understand(data: unknown): void {
    // It says nothing, for nobody has asked for any.
    if (isHeartbeat(data)) return;
    const hello = readFirstHello(data);
    if (!hello) return this.#breaksRules("it has said something else than hello");
    this.#waiting = [];
    this.#judge(hello, data).catch((error) => {
      // Nobody else would, and it would end the process.
      this.#reception.failed(error);
      this.#cutOff([CLOSE.internalError, "internal error"], LAST_WORD);
    }).finally(() => {
      if (this.#gone) this.closed();
    });
  }

  async #judge(hello: FirstHello, data: unknown): Promise<void> {
    const { token } = hello;
    const digest = token === undefined ? undefined : await this.#reception.digestOf(token);
    // Meanwhile it may have been told to leave, or have gone.
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    const judged = this.#reception.judge(this, hello, digest);
    if ("visit" in judged) {
      this.#visit = judged.visit;
      for (const frame of [data, ...waiting]) this.#visit?.receive(frame);
      return;
    }
    const answer = errorAnswer(hello.id, judged.error);
    this.#peer.send(hello.batched ? `[${answer}]` : answer);
    if (judged.ending) return this.leave(...judged.ending);
    for (const frame of waiting) {
      // Another hello has to be judged before what follows.
      if (this.#waiting) (this.#waiting as unknown[]).push(frame);
      else if (!this.#leaving) this.#understand(frame);
    }
  }
}
