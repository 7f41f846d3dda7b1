/**
 * How far the messages of a server go, as far as it has told.
 *
 * @module
 */

/** A position that the server had told before something was asked. */
export interface KnownSeq {
  readonly epoch: string;
  readonly seq: number;
}

/** The largest sequence number that the server has told, and its epoch. */
export class KnownPosition {
  #epoch = "";
  #seq = 0;
  /** Both together, until one of them changes. */
  #current: KnownSeq | undefined;
  /** Where the last put was stored that was answered. */
  #lastStoredPut: KnownSeq = { epoch: "", seq: 0 };

  /** Both as they are now. */
  get current(): KnownSeq {
    return this.#current ??= { epoch: this.#epoch, seq: this.#seq };
  }

  /** There is a new connection. */
  begin({ epoch, last }: { readonly epoch: string; readonly last?: number }): void {
    if (epoch !== this.#epoch) [this.#epoch, this.#seq, this.#current] = [epoch, 0, undefined];
    this.update(last);
  }

  /** The server has told a sequence number. */
  update(seq: number | undefined): void {
    if (seq === undefined || !(seq > this.#seq) || !Number.isSafeInteger(seq)) return;
    this.#seq = seq;
    this.#current = undefined;
  }

  /** A put was stored there. */
  onPutStored(seq: number | undefined): void {
    if (Number.isSafeInteger(seq)) this.#lastStoredPut = { epoch: this.#epoch, seq: seq! };
  }

  /**
   * What comes before a put that is unanswered: what was known when it left, and where those were stored that were
   * answered, if it is the oldest.
   *
   * @param known what was known when it left
   */
  beforePut(known: KnownSeq | undefined): KnownSeq | undefined {
    const { epoch, seq } = this.#lastStoredPut;
    return epoch === known?.epoch && seq > known.seq ? this.#lastStoredPut : known;
  }
}
