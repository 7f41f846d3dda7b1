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

import type { Reply } from "../protocol/encode_replies.ts";
import { DsmqError, type DsmqErrorDetails } from "../protocol/errors.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { PendingRequest } from "./pending_request.ts";
import { actionInWords } from "./connection_end.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import type { KnownPosition } from "./known_position.ts";
import type { SocketClose } from "./client_socket.ts";

/** The network, or the server, ended the connection whatever it carried. */
const NETWORK_CLOSE_CODES: ReadonlySet<number> = new Set([
  CLOSE_CODE.goingAway,
  CLOSE_CODE.abnormal,
  CLOSE_CODE.serviceRestart,
  CLOSE_CODE.tryAgainLater,
  CLOSE_CODE.badGateway,
  CLOSE_CODE.timedOut,
]);

/** After a refusal no frame is larger, in bytes, unless one request or answer is. */
const ISOLATED_FRAME_BYTES = 16 * 1024;

/** With each further one of a frame with several they are so much smaller, until each goes alone. */
const SHRINK_FACTOR = 16;

/** What is asked goes alone, too, once its connection broke so often before it was done: a close code can be lost. */
const MAX_DISCONNECTS = 2;

/** What was asked, as far as it can be under suspicion. */
type SuspectRequests = Pick<InFlightRequests, "unfinished" | "find" | "stream" | "remove">;

/** Finds out what a connection was closed for; until that is known, frames are small. */
export class Isolation {
  readonly #known: Pick<KnownPosition, "current">;
  #frameBytes: number | undefined;
  /** What the server has announced, and has not arrived. */
  #announced: Reply | undefined;
  /** How often in a row a connection broke before what was announced had arrived. */
  #lostAnnouncements = 0;

  /** Begins with nothing under suspicion; an error says what was known by then. */
  constructor(known: Pick<KnownPosition, "current">) {
    this.#known = known;
  }

  /** No frame is to be larger, unless one request or answer is; `undefined`: as usual. */
  get frameBytes(): number | undefined {
    return this.#frameBytes;
  }

  /** A frame came. */
  onFrame(replies: readonly Reply[]): void {
    const [first] = replies;
    if (first?.ahead !== undefined) this.#announced = first;
    else if (this.#announced) {
      this.#announced = undefined;
      this.#lostAnnouncements = 0;
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
  onClose(end: SocketClose, requests: SuspectRequests): boolean {
    const announced = this.#announced;
    this.#announced = undefined;
    if (announced) this.#lostAnnouncements++;
    const refused = isRefusal(end);
    const { unfinished } = requests;
    const [first] = unfinished;
    const hasSeveral = unfinished.length > 1 || unfinished.some(({ calls }) => calls > 1);
    let isFound = false;
    if (refused && announced) isFound = this.#suspectReply(end, announced, requests);
    else if (refused && !hasSeveral && first?.isSuspect) {
      requests.remove(first);
      first.onError(refusedError(first, end, "sent"));
      isFound = true;
    } else {
      for (const request of unfinished) {
        if (++request.disconnects >= MAX_DISCONNECTS || refused) request.isSuspect = true;
      }
    }
    if (refused) this.#shrink(announced, hasSeveral);
    else this.#grow(unfinished.some(({ isSuspect }) => isSuspect));
    return isFound;
  }

  #suspectReply(
    end: SocketClose,
    { answers, sub, through }: Reply,
    requests: SuspectRequests,
  ): boolean {
    const stream = requests.stream(sub);
    const request = stream ?? requests.find(answers);
    if (!request) return false;
    if (!request.isSuspect || request.calls > 1) {
      request.isSuspect = true;
      return false;
    }
    const last = this.#known.current.seq;
    const error = refusedError(request, end, "answered", { last });
    const { code, message } = error;
    const position = through === undefined ? {} : { through };
    if (stream) stream.onStreamFrame({ sub: sub!, error: { code, message, last }, ...position });
    else {
      requests.remove(request);
      request.onErrorReply(error, position);
    }
    return true;
  }

  /** After a refusal: further, where a frame with several requests, or one that was not named, may be the reason. */
  #shrink(announced: Reply | undefined, hasSeveral: boolean): void {
    const isNamed = announced?.through !== undefined || announced?.answers !== undefined;
    const shrinkFurther = announced ? !isNamed : hasSeveral;
    if (this.#frameBytes === undefined) this.#frameBytes = ISOLATED_FRAME_BYTES;
    else if (shrinkFurther) {
      this.#frameBytes = Math.max(1, Math.floor(this.#frameBytes / SHRINK_FACTOR));
    }
  }

  /** After a break that was no refusal, unless something goes alone now, or what is announced does not arrive. */
  #grow(hasSuspects: boolean): void {
    if (hasSuspects || this.#lostAnnouncements >= MAX_DISCONNECTS) {
      this.#frameBytes ??= ISOLATED_FRAME_BYTES;
    } else if (this.#frameBytes === ISOLATED_FRAME_BYTES) this.#frameBytes = undefined;
    else if (this.#frameBytes) {
      this.#frameBytes = Math.min(ISOLATED_FRAME_BYTES, this.#frameBytes * SHRINK_FACTOR);
    }
  }
}

/** Whether a connection was closed for what it carried. */
function isRefusal({ code }: SocketClose): boolean {
  return !NETWORK_CLOSE_CODES.has(code);
}

/** Says that something is refused for good: how its connections end, and on which way that happens. */
function refusedError(
  { action, topic }: Pick<PendingRequest, "action" | "topic">,
  { reason }: Pick<SocketClose, "reason">,
  direction: "sent" | "answered",
  details: DsmqErrorDetails = {},
): DsmqError {
  const occasion = direction === "sent" ? "this is sent" : "the answer comes";
  const fullDetails = topic === undefined ? details : { ...details, topic };
  return action === "put"
    ? new DsmqError(
      "unknown_outcome",
      `Cannot tell whether the message is stored: each time ${occasion}, the connection ends: ${reason}`,
      fullDetails,
    )
    : new DsmqError(
      "refused",
      `Cannot ${actionInWords(action)}: each time ${occasion}, the connection ends: ${reason}`,
      fullDetails,
    );
}
