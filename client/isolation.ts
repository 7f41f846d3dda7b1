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
import { inWords } from "./failure.ts";
import type { InFlightRequests } from "./in_flight.ts";
import type { KnownPosition } from "./known.ts";
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
const MAX_BREAKS = 2;

/** What was asked, as far as it can be under suspicion. */
type Requests = Pick<InFlightRequests, "unfinished" | "unanswered" | "stream" | "settle">;

/** Finds out what a connection was closed for; until that is known, frames are small. */
export class Isolation {
  readonly #known: Pick<KnownPosition, "current">;
  #frameBytes: number | undefined;
  /** What the server has announced, and has not arrived. */
  #coming: Answer | undefined;
  /** How often in a row a connection broke before what was announced had arrived. */
  #lost = 0;

  /** Begins with nothing under suspicion; an error says what was known by then. */
  constructor(known: Pick<KnownPosition, "current">) {
    this.#known = known;
  }

  /** No frame is to be larger, unless one request or answer is; `undefined`: as usual. */
  get frameBytes(): number | undefined {
    return this.#frameBytes;
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

  /**
   * The connection is over. If it was closed for what it carried, what can have been the reason goes alone from now on;
   * what did so already fails, if nothing else can have been it.
   *
   * @param end how it ended
   * @param requests what was under way
   * @returns whether the reason was found
   */
  ended(end: Break, requests: Requests): boolean {
    const coming = this.#coming;
    this.#coming = undefined;
    if (coming) this.#lost++;
    const refused = isRefusal(end);
    const { unfinished } = requests;
    const [first] = unfinished;
    const several = unfinished.length > 1 || unfinished.some(({ calls }) => calls > 1);
    let found = false;
    if (refused && coming) found = this.#accuseAnswer(end, coming, requests);
    else if (refused && !several && first?.suspect) {
      requests.settle(first);
      first.failed(refusal(first, end, "sent"));
      found = true;
    } else {
      for (const asked of unfinished) {
        if (++asked.breaks >= MAX_BREAKS || refused) asked.suspect = true;
      }
    }
    if (refused) this.#shrink(coming, several);
    else this.#grow(unfinished.some(({ suspect }) => suspect));
    return found;
  }

  #accuseAnswer(end: Break, { answers, sub, through }: Answer, requests: Requests): boolean {
    const stream = requests.stream(sub);
    const asked = stream ?? requests.unanswered(answers);
    if (!asked) return false;
    if (!asked.suspect || asked.calls > 1) {
      asked.suspect = true;
      return false;
    }
    const last = this.#known.current.seq;
    const error = refusal(asked, end, "answered", { last });
    const { code, message } = error;
    const at = through === undefined ? {} : { through };
    if (stream) stream.arrived({ sub: sub!, error: { code, message, last }, ...at });
    else {
      requests.settle(asked);
      asked.refused(error, at);
    }
    return true;
  }

  /** After a refusal: further, where a frame with several requests, or one that was not named, may be the reason. */
  #shrink(coming: Answer | undefined, several: boolean): void {
    const named = coming?.through !== undefined || coming?.answers !== undefined;
    const smaller = coming ? !named : several;
    if (this.#frameBytes === undefined) this.#frameBytes = SMALL;
    else if (smaller) this.#frameBytes = Math.max(1, Math.floor(this.#frameBytes / STEP));
  }

  /** After a break that was no refusal, unless something goes alone now, or what is announced does not arrive. */
  #grow(suspects: boolean): void {
    if (suspects || this.#lost >= MAX_BREAKS) this.#frameBytes ??= SMALL;
    else if (this.#frameBytes === SMALL) this.#frameBytes = undefined;
    else if (this.#frameBytes) this.#frameBytes = Math.min(SMALL, this.#frameBytes * STEP);
  }
}

/** Whether a connection was closed for what it carried. */
function isRefusal({ code }: Break): boolean {
  return !ORDINARY.has(code);
}

/** Says that something is refused for good: how its connections end, and on which way that happens. */
function refusal(
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
      `Cannot ${inWords(action)}: each time ${each}, the connection ends: ${why}`,
      where,
    );
}
