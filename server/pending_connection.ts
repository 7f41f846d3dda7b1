/**
 * A connection that has not been admitted: it may say hello, and nothing else is done for it.
 *
 * @module
 */

import type { Digest } from "../auth/tokens.ts";
import { errorReply } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { type FirstHello, parseFirstHello } from "../protocol/first_hello.ts";
import { isHeartbeatFrame } from "../protocol/request_frame.ts";
import { PREAUTH_BYTES, PREAUTH_FRAMES } from "../protocol/limits.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { Clock } from "../queue/clock.ts";
import { GracefulClose } from "../connection/graceful_close.ts";
import type { Peer, PeerEvents } from "../transports/peer.ts";

/** How long a peer that broke the rules has to hear why, in milliseconds. */
const VIOLATION_CLOSE_TIMEOUT = 500;

/** The same where another needs its seat. */
const EVICTED_CLOSE_TIMEOUT = 100;

/** How long one who was told to leave has to do so, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** What may come, where the transport can see it: parts of frames, and pings, count as well. */
const FIRST_INPUT = { bytes: PREAUTH_BYTES, frames: 4 * PREAUTH_FRAMES };

/** With which code a connection is closed, and why. */
export type CloseReason = readonly [code: number, reason: string];

/** What comes of a hello. */
export type HelloResult =
  /** It goes on with this. */
  | { readonly handler: PeerEvents }
  /** It may say hello again, or has to leave. */
  | { readonly error: WireError; readonly close?: CloseReason };

/** How a newcomer is received. */
export interface HandshakePolicy {
  readonly clock: Clock;
  /** How long it has to say what admits it, in milliseconds. */
  readonly timeout: number;
  /** The digest of a token that it brings. */
  digestOf(token: string): Promise<Digest>;
  /** Judges a hello, with the digest of its token if it brings one. */
  checkHello(
    pending: PendingConnection,
    hello: FirstHello,
    digest: Digest | undefined,
  ): HelloResult;
  /** How it ends if it says something else, or nothing in time. */
  rejection(): CloseReason;
  /** It has not been admitted in time, though a visit has begun. */
  timedOut(): void;
  /** It is gone. */
  closed(): void;
  /** Takes a defect. */
  onError(error: unknown): void;
}

/** The visit of a peer that has not been admitted, which becomes the visit that it is admitted to. */
export class PendingConnection implements PeerEvents {
  readonly #peer: Peer;
  readonly #policy: HandshakePolicy;
  readonly #gracefulClose: GracefulClose;
  #frames = 0;
  #characters = 0;
  /** What came while its hello is being judged. */
  #queued: unknown[] | undefined;
  #handler: PeerEvents | undefined;
  /** It is gone, and its hello is being judged. */
  #isGone = false;
  /** It was told to leave: nothing that it says is looked at. */
  #isClosing = false;
  /** It is not even listened to. */
  #isCutOff = false;
  #cancelTimer: () => void;

  /** It has come. */
  constructor(peer: Peer, policy: HandshakePolicy) {
    this.#peer = peer;
    this.#policy = policy;
    this.#gracefulClose = new GracefulClose(peer, policy.clock);
    this.#cancelTimer = policy.clock.after(policy.timeout, () => this.#onTimeout());
    // Only here are pings seen, and frames that are not whole.
    peer.limitInput?.(FIRST_INPUT, () => this.#protocolViolation("it sent too much"));
  }

  receive(data: unknown): void {
    if (this.#handler) return this.#handler.receive(data);
    if (this.#isCutOff) return;
    this.#characters += typeof data === "string" ? data.length : Infinity;
    if (++this.#frames > PREAUTH_FRAMES || this.#characters > PREAUTH_BYTES) {
      return this.#protocolViolation("it sent too much");
    }
    if (this.#isClosing) this.#gracefulClose.onFrame();
    else if (this.#queued) this.#queued.push(data);
    else this.#handleFrame(data);
  }

  end(): void {
    // What it said before it left counts, if its hello is good.
    this.#isGone = this.#queued !== undefined;
    if (this.#isGone) return;
    this.#stop();
    this.#policy.closed();
  }

  /** What it is admitted to, if it is. */
  get handler(): PeerEvents | undefined {
    return this.#handler;
  }

  /** It is one of those who are in. */
  admitted(): void {
    this.#cancelTimer();
    this.#peer.limitInput?.(undefined);
  }

  /** Closes it once it can hear why. */
  closeGracefully(...[code, reason]: CloseReason): void {
    if (this.#isClosing) return;
    this.#beginClosing();
    void this.#gracefulClose.close(code, reason);
  }

  /** The same for a peer that has only just come, and has nothing to read first. */
  reject(...[code, reason]: CloseReason): void {
    this.#beginClosing();
    this.#peer.close(code, reason);
    this.#dropAfter(CLOSE_TIMEOUT);
  }

  /** Closes it at once, because another needs its seat. */
  evict(...close: CloseReason): void {
    this.#cutOff(close, EVICTED_CLOSE_TIMEOUT);
  }

  /** Gives it up. */
  drop(): void {
    this.#peer.drop("it did not answer the close frame");
  }

  #protocolViolation(what: string): void {
    const [code, reason] = this.#policy.rejection();
    this.#cutOff([code, `${what}: ${reason}`], VIOLATION_CLOSE_TIMEOUT);
  }

  /** Reads nothing more of what it sends. */
  #cutOff([code, reason]: CloseReason, ms: number): void {
    if (this.#isCutOff) return;
    this.#stop();
    this.#peer.closeAndStopReading(code, reason);
    this.#dropAfter(ms);
  }

  #beginClosing(): void {
    this.#isClosing = true;
    this.#queued = undefined;
    this.#cancelTimer();
  }

  #stop(): void {
    this.#beginClosing();
    this.#isCutOff = true;
    this.#gracefulClose.end();
    this.#peer.limitInput?.(undefined);
    this.#handler?.end();
    this.#handler = undefined;
  }

  #dropAfter(ms: number): void {
    this.#cancelTimer = this.#policy.clock.after(ms, () => this.drop());
  }

  #onTimeout(): void {
    if (this.#handler) this.#policy.timedOut();
    else this.closeGracefully(...this.#policy.rejection());
  }

  #handleFrame(data: unknown): void {
    // It says nothing, for nobody has asked for any.
    if (isHeartbeatFrame(data)) return;
    const hello = parseFirstHello(data);
    if (!hello) return this.#protocolViolation("its first request was not hello");
    this.#queued = [];
    this.#checkHello(hello, data).catch((error) => {
      // Nobody else would, and it would end the process.
      this.#policy.onError(error);
      this.#cutOff([CLOSE_CODE.internalError, "internal error"], VIOLATION_CLOSE_TIMEOUT);
    }).finally(() => {
      if (this.#isGone) this.end();
    });
  }

  async #checkHello(hello: FirstHello, data: unknown): Promise<void> {
    const { token } = hello;
    const digest = token === undefined ? undefined : await this.#policy.digestOf(token);
    // Meanwhile it may have been told to leave, or have gone.
    const queued = this.#queued;
    if (!queued) return;
    this.#queued = undefined;
    const result = this.#policy.checkHello(this, hello, digest);
    if ("handler" in result) {
      this.#handler = result.handler;
      for (const frame of [data, ...queued]) this.#handler?.receive(frame);
      return;
    }
    const reply = errorReply(hello.id, result.error);
    this.#peer.send(hello.batched ? `[${reply}]` : reply);
    if (result.close) return this.closeGracefully(...result.close);
    for (const frame of queued) {
      // Another hello has to be judged before what follows.
      if (this.#queued) (this.#queued as unknown[]).push(frame);
      else if (!this.#isClosing) this.#handleFrame(frame);
    }
  }
}
