/**
 * Requests on their way out, many in a frame.
 *
 * @module
 */

/**
 * A frame leaves before the end of a turn when it carries a third of all calls that are unanswered, so that
 * while one is asked, and one answered, the server has one to work on; but not with fewer than `few` calls. It
 * leaves at so many characters in any case.
 */
const FULL = { few: 16, part: 1 / 3, size: 64 * 1024 };

/** What is asked in one turn of the event loop leaves together, or in a few frames if it is much. */
export class Outgoing {
  readonly #send: (frame: string) => void;
  #requests: { toString(): string }[] = [];
  #calls = 0;
  #size = 0;
  /** Whose request was added last and may grow. */
  #grower: unknown;

  /**
   * Makes an empty one.
   *
   * @param send takes the frames
   */
  constructor(send: (frame: string) => void) {
    this.#send = send;
  }

  /**
   * Adds a request.
   *
   * @param request the request, or what becomes one when it leaves
   * @param size its length, in characters
   * @param underWay how many calls are unanswered, this one included
   * @param grower who may add calls to it until then
   */
  add(request: { toString(): string }, size: number, underWay: number, grower?: unknown): void {
    if (this.#requests.push(request) === 1) queueMicrotask(() => this.flush());
    this.#grower = grower;
    this.grew(size, underWay);
  }

  /** Whether someone's request was added last, and has not left. */
  canGrow(grower: unknown): boolean {
    return this.#grower === grower;
  }

  /** The last request has grown by a call; as for {@linkcode Outgoing.add}. */
  grew(size: number, underWay: number): void {
    this.#size += size;
    this.#calls++;
    const full = this.#calls >= FULL.few && this.#calls >= FULL.part * underWay;
    if (full || this.#size >= FULL.size) this.flush();
  }

  /** Sends what was added. */
  flush(): void {
    const requests = this.#requests;
    if (requests.length === 0) return;
    this.#requests = [];
    this.#calls = this.#size = 0;
    this.#grower = undefined;
    this.#send(requests.length === 1 ? `${requests[0]}` : `[${requests.join(",")}]`);
  }
}
