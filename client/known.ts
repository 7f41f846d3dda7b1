/**
 * How far the messages of a server go, as far as it has told.
 *
 * @module
 */

/** A position that the server had told before something was asked. */
export interface Known {
  readonly epoch: string;
  readonly seq: number;
}

/** The largest sequence number that the server has told, and its epoch. */
export class KnownPosition {
  #epoch = "";
  #seq = 0;
  /** Both together, until one of them changes. */
  #current: Known | undefined;
  /** Where the last put was stored that was answered. */
  #lastPut: Known = { epoch: "", seq: 0 };

  /** Both as they are now. */
  get current(): Known {
    return this.#current ??= { epoch: this.#epoch, seq: this.#seq };
  }

  /** There is a new connection. */
  begin({ epoch, last }: { readonly epoch: string; readonly last?: number }): void {
    if (epoch !== this.#epoch) [this.#epoch, this.#seq, this.#current] = [epoch, 0, undefined];
    this.told(last);
  }

  /** The server has told a sequence number. */
  told(seq: number | undefined): void {
    if (seq === undefined || !(seq > this.#seq) || !Number.isSafeInteger(seq)) return;
    this.#seq = seq;
    this.#current = undefined;
  }

  /** A put was stored there. */
  stored(seq: number | undefined): void {
    if (Number.isSafeInteger(seq)) this.#lastPut = { epoch: this.#epoch, seq: seq! };
  }

  /**
   * What comes before a put that is unanswered: what was known when it left, and where those were stored that were
   * answered, if it is the oldest.
   *
   * @param known what was known when it left
   */
  before(known: Known | undefined): Known | undefined {
    const { epoch, seq } = this.#lastPut;
    return epoch === known?.epoch && seq > known.seq ? this.#lastPut : known;
  }
}
