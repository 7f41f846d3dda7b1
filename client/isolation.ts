/**
 * What is refused for good fails alone.
 *
 * A connection that somebody closes in good order, but not as one that stops or is full, was closed for what it
 * carried: a proxy refuses a frame that is too large, a request meets a defect of the server. What was sent and is not
 * done is under suspicion then, and goes one to a frame on the next connection, at first one at a time. So does what the
 * server was about to send: asked for small frames, it names what is in each before it sends it. What closes the
 * connection again while it is the only one that can have done it fails; everything else goes on.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError, type DsmqErrorDetails } from "../protocol/errors.ts";
import { CLOSE } from "../protocol/websocket.ts";
import type { Asked } from "./asked.ts";
import type { Break } from "./line.ts";

/** The network, or the server, ended the connection whatever it carried. */
const ORDINARY: ReadonlySet<number> = new Set([
  CLOSE.goingAway,
  CLOSE.abnormal,
  CLOSE.serviceRestart,
  CLOSE.tryAgainLater,
  CLOSE.badGateway,
  CLOSE.givenUp,
]);

/** After a refusal no frame is larger, in bytes, unless one request or answer is. */
const SMALL = 16 * 1024;

/** With each further one of a frame with several they are so much smaller, until each goes alone. */
const STEP = 16;

/** What is asked goes alone, too, once its connection broke so often before it was done: a close code can be lost. */
export const MAX_BREAKS = 2;

/** How a connection ended, and what was under way. */
export interface Ending {
  readonly code: number;
  /** A frame with several requests, or a long list, may be the reason. */
  readonly several: boolean;
  /** Something goes alone from now on. */
  readonly suspects: boolean;
}

/** Whether a connection was closed for what it carried. */
export function isRefusal({ code }: Pick<Break, "code">): boolean {
  return !ORDINARY.has(code);
}

/** How large frames may be, and what comes next. */
export class Isolation {
  #frameBytes: number | undefined;
  #coming: Answer | undefined;
  /** How often in a row a connection broke before what was announced had arrived. */
  #lost = 0;

  /** No frame is to be larger, unless one request or answer is; `undefined`: as usual. */
  get frameBytes(): number | undefined {
    return this.#frameBytes;
  }

  /** What the server has announced, and has not arrived. */
  get coming(): Answer | undefined {
    return this.#coming;
  }

  /** A frame came. */
  heard(answers: readonly Answer[]): void {
    const [only] = answers;
    if (only?.ahead !== undefined) this.#coming = only;
    else if (this.#coming) {
      this.#coming = undefined;
      this.#lost = 0;
    }
  }

  /** The connection is over: frames become smaller after a refusal, and larger again after a break that was none. */
  ended({ code, several, suspects }: Ending): void {
    const coming = this.#coming;
    this.#coming = undefined;
    if (coming) this.#lost++;
    if (isRefusal({ code })) {
      const named = coming?.through !== undefined || coming?.answers !== undefined;
      const smaller = coming ? !named : several;
      if (this.#frameBytes === undefined) this.#frameBytes = SMALL;
      else if (smaller) this.#frameBytes = Math.max(1, Math.floor(this.#frameBytes / STEP));
    } else if (suspects || this.#lost >= MAX_BREAKS) this.#frameBytes ??= SMALL;
    else if (this.#frameBytes === SMALL) this.#frameBytes = undefined;
    else if (this.#frameBytes) this.#frameBytes = Math.min(SMALL, this.#frameBytes * STEP);
  }
}

/** Says that something is refused for good: how its connections end, and on which way that happens. */
export function refusal(
  { action, topic }: Pick<Asked, "action" | "topic">,
  { why }: Pick<Break, "why">,
  way: "sent" | "answered",
  details: DsmqErrorDetails = {},
): DsmqError {
  const each = way === "sent" ? "this is sent" : "the answer comes";
  const where = topic === undefined ? details : { ...details, topic };
  return action === "put"
    ? new DsmqError(
      "unknown_outcome",
      `Cannot tell whether the message is stored: each time ${each}, the connection ends: ${why}`,
      where,
    )
    : new DsmqError(
      "refused",
      `Cannot ${action.replace("_", " ")}: each time ${each}, the connection ends: ${why}`,
      where,
    );
}
