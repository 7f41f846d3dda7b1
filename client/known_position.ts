/**
 * The last sequence number that the server has reported.
 *
 * @module
 */

import type { AnswerReply, StoredReply, StreamReply } from "../protocol/replies.ts";

/** A position that the server had reported before a request. */
export interface KnownSeq {
  readonly epoch: string;
  readonly seq: number;
}

/** The largest sequence number that the server has reported, and its epoch. */
export class KnownPosition {
  #epoch = "";
  #seq = 0;
  /** Both in one object, until one of them changes. */
  #current: KnownSeq | undefined;
  /** On this socket nothing new is stored at or before this number. */
  #lastStored = 0;
  /** Where the last answered put is stored. */
  #lastStoredPut: KnownSeq = { epoch: "", seq: 0 };

  /** The present position. */
  get current(): KnownSeq {
    return this.#current ??= { epoch: this.#epoch, seq: this.#seq };
  }

  /** There is a new socket. */
  begin({ epoch, last }: { readonly epoch: string; readonly last: number }): void {
    if (epoch !== this.#epoch) [this.#epoch, this.#seq, this.#current] = [epoch, 0, undefined];
    this.#lastStored = last;
    this.update(last);
  }

  /** Takes the sequence number that a reply reports, if it does. */
  onReply(reply: AnswerReply | StreamReply): void {
    switch (reply.kind) {
      case "stored":
      case "messages":
        return this.update(reply.seqs.at(-1));
      case "message":
        return this.update(reply.seq);
      case "empty":
      case "subscribed":
      case "error":
      case "stream_error":
        return this.update(reply.through);
    }
  }

  /** The server has reported a sequence number. */
  update(seq: number | undefined): void {
    if (seq === undefined || seq <= this.#seq) return;
    this.#seq = seq;
    this.#current = undefined;
  }

  /**
   * A put was answered.
   *
   * @param reply the reply
   * @returns whether it is possible: the put is behind everything that was stored before it, unless it was a repetition
   */
  onPutStored({ seqs, dup }: StoredReply): boolean {
    const seq = seqs.at(-1)!;
    if (!dup) {
      if (seqs[0]! <= this.#lastStored) return false;
      this.#lastStored = seq;
    }
    this.#lastStoredPut = { epoch: this.#epoch, seq };
    return true;
  }

  /**
   * A position before the oldest unanswered put: what was known when it was sent, or where the last answered put is stored.
   *
   * @param known what was known when it was sent
   */
  beforePut(known: KnownSeq | undefined): KnownSeq | undefined {
    const { epoch, seq } = this.#lastStoredPut;
    return epoch === known?.epoch && seq > known.seq ? this.#lastStoredPut : known;
  }
}
