/**
 * A connection that is not admitted yet: it may send `hello`, and nothing else is done for it.
 *
 * @module
 */

import type { TokenCheck } from "../auth/auth.ts";
import { errorReply } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { type FirstHello, parseFirstHello } from "../protocol/first_hello.ts";
import { isHeartbeatFrame } from "../protocol/request_frame.ts";
import { PREAUTH_BYTES, PREAUTH_FRAMES } from "../protocol/frame_sizes.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { Clock } from "../queue/clock.ts";
import { GracefulClose } from "../connection/graceful_close.ts";
import type { Peer, PeerEvents } from "../transports/peer.ts";

/** How long a peer that broke the rules has to receive the reason, in milliseconds. */
const VIOLATION_CLOSE_TIMEOUT = 500;

/** The same when another connection needs its slot. */
const EVICTED_CLOSE_TIMEOUT = 100;

/** How long a rejected peer has to close, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** How long a peer has to send the `hello` that is refused, in milliseconds. */
const REFUSAL_TIMEOUT = 1000;

/** What may arrive, where the transport can see it: parts of frames, and pings, count as well. */
const FIRST_INPUT = { bytes: PREAUTH_BYTES, frames: 4 * PREAUTH_FRAMES };

/** A close code and its reason. */
export type CloseReason = readonly [code: number, reason: string];

/** The result of a `hello`. */
export type HelloResult =
  /** It is admitted, and this continues with it. */
  | { readonly handler: PeerEvents }
  /** It may send another `hello`, or is closed. */
  | { readonly error: WireError; readonly close?: CloseReason };

/** How a connection is admitted. */
export interface HandshakePolicy {
  readonly clock: Clock;
  /** How long it has to send a `hello` that admits it, in milliseconds. */
  readonly timeout: number;
  /** Checks a token. */
  checkToken(token: string): Promise<TokenCheck>;
  /** Checks a `hello`, with what came of checking its token if it has one. */
  checkHello(
    pending: PendingConnection,
    hello: FirstHello,
    check: TokenCheck | undefined,
  ): HelloResult;
  /** How it is closed if it sends something else, or nothing in time. */
  rejection(): CloseReason;
  /** It was not admitted in time, though its `hello` was accepted. */
  timedOut(): void;
  /** It is closed. */
  closed(): void;
  /** An unexpected error. */
  onError(error: unknown): void;
}

/** Handles a peer until it is admitted, and passes everything on from then on. */
export class PendingConnection implements PeerEvents {
  readonly #peer: Peer;
  readonly #policy: HandshakePolicy;
  readonly #gracefulClose: GracefulClose;
  #frames = 0;
  #characters = 0;
  /** What came while its `hello` is being checked. */
  #queued: unknown[] | undefined;
  #handler: PeerEvents | undefined;
  /** It is gone, and its `hello` is being checked. */
  #isGone = false;
  /** It is being closed: what it sends is ignored. */
  #isClosing = false;
  /** Its time is over. */
  #isLate = false;
  /** Its `hello` is refused, whatever is in it. */
  #refusal: { readonly error: WireError; readonly close: CloseReason } | undefined;
  /** Not even that is read any more. */
  #isCutOff = false;
  #cancelTimer: () => void;

  /** Starts to wait for a `hello`. */
  constructor(peer: Peer, policy: HandshakePolicy) {
    this.#peer = peer;
    this.#policy = policy;
    this.#gracefulClose = new GracefulClose(peer, policy.clock);
    this.#cancelTimer = policy.clock.after(policy.timeout, () => this.#onTimeout());
    // Only the transport sees pings, and incomplete frames.
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
    // What it sent before it was gone counts, if its `hello` is accepted.
    this.#isGone = this.#queued !== undefined;
    if (this.#isGone) return;
    this.#stop();
    this.#policy.closed();
  }

  /** What handles it once it is admitted. */
  get handler(): PeerEvents | undefined {
    return this.#handler;
  }

  /** It is one of the connections from now on. */
  admitted(): void {
    this.#cancelTimer();
    this.#peer.limitInput?.(undefined);
  }

  /** Closes it once it has read everything. */
  closeGracefully(...[code, reason]: CloseReason): void {
    if (this.#isClosing) return;
    this.#beginClosing();
    void this.#gracefulClose.close(code, reason);
  }

  /** Closes it once its `hello` is answered with an error, or if none comes. */
  refuse(error: WireError, close: CloseReason): void {
    if (this.#isClosing || this.#refusal) return;
    this.#refusal = { error, close };
    this.#cancelTimer();
    this.#cancelTimer = this.#policy.clock.after(
      REFUSAL_TIMEOUT,
      () => this.closeGracefully(...close),
    );
  }

  /** The same for a peer that has just connected, and has nothing to read first. */
  reject(...[code, reason]: CloseReason): void {
    this.#beginClosing();
    this.#peer.close(code, reason);
    this.#dropAfter(CLOSE_TIMEOUT);
  }

  /** Closes it at once, because another connection needs its slot. */
  evict(...close: CloseReason): void {
    this.#cutOff(close, EVICTED_CLOSE_TIMEOUT);
  }

  /** Drops it. */
  drop(): void {
    this.#peer.drop("it did not answer the close frame");
  }

  #protocolViolation(what: string): void {
    const [code, reason] = this.#refusal?.close ?? this.#policy.rejection();
    this.#cutOff([code, `${what}: ${reason}`], VIOLATION_CLOSE_TIMEOUT);
  }

  /** Reads nothing more of it. */
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
    this.#isLate = true;
    if (this.#handler) this.#policy.timedOut();
    // While its `hello` is being checked: that ends in time, too, and says more.
    else if (!this.#queued) this.closeGracefully(...this.#policy.rejection());
  }

  #handleFrame(data: unknown): void {
    // A heartbeat means nothing here.
    if (isHeartbeatFrame(data)) return;
    const hello = parseFirstHello(data);
    if (!hello) return this.#protocolViolation("its first request was not hello");
    this.#queued = [];
    this.#checkHello(hello, data).catch((error) => {
      // Nothing else catches it, and it would end the process.
      this.#policy.onError(error);
      this.#cutOff([CLOSE_CODE.internalError, "internal error"], VIOLATION_CLOSE_TIMEOUT);
    }).finally(() => {
      if (this.#isGone) this.end();
    });
  }

  async #checkHello(hello: FirstHello, data: unknown): Promise<void> {
    const { token } = hello;
    const check = token === undefined || this.#refusal
      ? undefined
      : await this.#policy.checkToken(token);
    // Meanwhile it may have been rejected, or gone.
    const queued = this.#queued;
    if (!queued) return;
    this.#queued = undefined;
    const result = this.#refusal ?? this.#policy.checkHello(this, hello, check);
    if ("handler" in result) {
      this.#handler = result.handler;
      for (const frame of [data, ...queued]) this.#handler?.receive(frame);
      return;
    }
    const reply = errorReply(hello.id, result.error);
    this.#peer.send(hello.batched ? `[${reply}]` : reply);
    if (result.close) return this.closeGracefully(...result.close);
    if (this.#isLate) return this.closeGracefully(...this.#policy.rejection());
    for (const frame of queued) {
      // Another `hello` has to be checked before what follows.
      if (this.#queued) (this.#queued as unknown[]).push(frame);
      else if (!this.#isClosing) this.#handleFrame(frame);
    }
  }
}
