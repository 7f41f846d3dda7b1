/**
 * The end of a response whose client was cut off.
 *
 * @module
 */

/** The error of the body of such a response: a transport ends its connection, and need not report it as a defect. */
export class ReaderCut extends Error {
  /** Takes why it was cut off. */
  constructor(reason: string) {
    super(`The client of a response was cut off: ${reason}`);
    // A program that mounts a handler may print it, and where it comes from tells nothing.
    this.stack = `dsmq: ${this.message}`;
  }
}
