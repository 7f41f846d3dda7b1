/**
 * Finds the one request that a connection is closed for each time, so that only that request fails.
 *
 * A connection that is closed properly, but not because the server stops or is full, was closed for what it carried: a proxy
 * rejects a frame that is too large, or a request meets a defect of the server. Then everything that was sent and is
 * unfinished is suspected, and is sent one request to a frame on the next connection, at first one at a time. The same holds
 * for what the server was about to send: it is asked for small frames, and names what is in each before it sends it. What
 * closes the connection again while it is the only possible cause fails; everything else continues.
 *
 * @module
 */

import { DsmqError, type DsmqErrorDetails } from "../protocol/errors.ts";
import type { AheadReply } from "../protocol/replies.ts";
import { CLOSE_CODE } from "../protocol/websocket.ts";
import type { SocketClose } from "./client_socket.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import type { KnownPosition } from "./known_position.ts";
import type { PendingRequest } from "./pending_request.ts";

/** The network or the server ended the connection, not because of what it carried. */
const NETWORK_CLOSE_CODES: ReadonlySet<number> = new Set([
  CLOSE_CODE.goingAway,
  CLOSE_CODE.abnormal,
  CLOSE_CODE.serviceRestart,
  CLOSE_CODE.tryAgainLater,
  CLOSE_CODE.badGateway,
  // Where it is not final: the next token may be valid.
  CLOSE_CODE.unauthorized,
  CLOSE_CODE.timedOut,
  CLOSE_CODE.disconnected,
]);

/** The size of frames after a rejection in bytes, unless a single request or reply is larger. */
const ISOLATED_FRAME_BYTES = 16 * 1024;

/** Each further rejection of a frame with several requests makes frames so much smaller, until each request has its own. */
const SHRINK_FACTOR = 16;

/** A request is sent alone, too, after its connection broke so often while it was unfinished: close codes can be lost. */
const MAX_DISCONNECTS = 2;

/** The requests that can be suspected. */
type SuspectRequests = Pick<InFlightRequests, "unfinished" | "table">;

/** Finds out what connections are closed for; until that is known, frames are small. */
export class Isolation {
  readonly #known: Pick<KnownPosition, "current">;
  #frameBytes: number | undefined;
  /** How often in a row a connection broke before an announced frame had arrived. */
  #lostAnnouncements = 0;

  /** Begins with nothing suspected. Errors carry the position that is known by then. */
  constructor(known: Pick<KnownPosition, "current">) {
    this.#known = known;
  }

  /** The size of frames, unless a single request or reply is larger; `undefined`: the default. */
  get frameBytes(): number | undefined {
    return this.#frameBytes;
  }

  /** The frame that was announced has arrived. */
  announcedFrameArrived(): void {
    this.#lostAnnouncements = 0;
  }

  /**
   * The connection has ended. If it was closed for what it carried, everything that may be the cause is sent alone from now
   * on. A request that was alone already fails, if nothing else can be the cause.
   *
   * @param end how it ended
   * @param announced the frame that the server had announced, if it has not arrived
   * @param requests the unanswered requests
   * @returns whether the cause was found
   */
  onClose(end: SocketClose, announced: AheadReply | undefined, requests: SuspectRequests): boolean {
    if (announced) this.#lostAnnouncements++;
    const refused = isRefusal(end);
    const { unfinished } = requests;
    const [first] = unfinished;
    const hasSeveral = unfinished.length > 1 || unfinished.some(({ calls }) => calls > 1);
    let isFound = false;
    if (refused && announced) isFound = this.#suspectReply(end, announced, requests);
    else if (refused && !hasSeveral && first?.isSuspect) {
      requests.table.delete(first);
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
    { answers, sub, through }: AheadReply,
    { table }: SuspectRequests,
  ): boolean {
    const stream = sub === undefined ? undefined : table.stream(sub);
    const request = stream ?? (answers === undefined ? undefined : table.find(answers));
    if (!request) return false;
    if (!request.isSuspect || request.calls > 1) {
      request.isSuspect = true;
      return false;
    }
    const last = this.#known.current.seq;
    const error = refusedError(request, end, "answered", { last });
    const { code, message } = error;
    if (stream) {
      stream.onStreamFrame({
        kind: "stream_error",
        sub: sub!,
        error: { code, message, last },
        through,
      });
    } else {
      table.delete(request);
      request.onErrorReply(error, through);
    }
    return true;
  }

  /** Makes frames smaller after a rejection, if a frame with several requests, or an unnamed one, may be the cause. */
  #shrink(announced: AheadReply | undefined, hasSeveral: boolean): void {
    const isNamed = announced?.through !== undefined || announced?.answers !== undefined;
    const shrinkFurther = announced ? !isNamed : hasSeveral;
    if (this.#frameBytes === undefined) this.#frameBytes = ISOLATED_FRAME_BYTES;
    else if (shrinkFurther) {
      this.#frameBytes = Math.max(1, Math.floor(this.#frameBytes / SHRINK_FACTOR));
    }
  }

  /** Makes frames larger after a break that was not a rejection, unless there are suspects, or announced frames do not arrive. */
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

/** The error of a request that closes its connection each time: when it is `sent`, or when it is `answered`. */
function refusedError(
  { action, verb, topic }: Pick<PendingRequest, "action" | "verb" | "topic">,
  { reason }: Pick<SocketClose, "reason">,
  direction: "sent" | "answered",
  details: DsmqErrorDetails = {},
): DsmqError {
  const occasion = direction === "sent" ? "this is sent" : "the reply arrives";
  const fullDetails = topic === undefined ? details : { ...details, topic };
  return action === "put"
    ? new DsmqError(
      "unknown_outcome",
      `Cannot tell whether the message is stored: each time ${occasion}, the connection ends: ${reason}`,
      fullDetails,
    )
    : new DsmqError(
      "refused",
      `Cannot ${verb}: each time ${occasion}, the connection ends: ${reason}`,
      fullDetails,
    );
}
