/**
 * The errors of puts.
 *
 * @module
 */

import type { EncodedAttributes } from "../protocol/attributes.ts";
import { encodeBody } from "../protocol/body.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { NameMap } from "../protocol/name_map.ts";

/** The outcome of one message: its sequence number, or an error. */
export type PutResult = number | DsmqError;

/** The error of a message that is larger than the server accepts by now. */
export function tooLargeError(
  topic: string,
  limit: number,
  body: string,
  attributes: EncodedAttributes | undefined,
): DsmqError {
  const bytes = encodeBody(body).bytes + (attributes?.bytes ?? 0);
  const message = `Cannot put message: it is ${bytes} bytes as JSON, the limit is ${limit} now`;
  return new DsmqError("too_large", message, { topic, limit, bytes });
}

/** The error of a message that was sent before, and may be stored, though the server does not accept it now: it is too large, say. */
export function maybeStoredError(topic: string): DsmqError {
  return new DsmqError(
    "unknown_outcome",
    "Cannot tell whether the message is stored: it was sent before, and the server does not accept it now",
    { topic },
  );
}

/** Whether an outcome says that nothing is stored now, and not whether it was before: the server has not looked. */
export function isUnseen(outcome: PutResult): boolean {
  return /^(unavailable|busy|permission_denied)$/.test((outcome as DsmqError).code);
}

/**
 * The outcomes of the messages of a put that failed. Some may be stored nevertheless: then the error lists all outcomes.
 *
 * @param error the error of the put
 * @param topic the topic
 * @param count how many messages the put has
 * @returns the outcome of each
 */
export function resultsOf(error: DsmqError, topic: string, count: number): PutResult[] {
  const details = error.limit === undefined ? { topic } : { topic, limit: error.limit };
  /** By code: one message of the server stands for all that failed with the same code. */
  const failures = new NameMap<DsmqError>();
  const results: PutResult[] = [];
  for (let i = 0; i < count; i++) {
    const outcome = error.outcomes?.[i];
    if (outcome === undefined) results.push(error);
    else if (typeof outcome === "number") results.push(outcome);
    else {
      const { code, message } = outcome;
      let failure = failures.get(code);
      if (!failure || (message !== "" && message !== failure.message)) {
        const same = code === error.code;
        const reason = message !== "" ? message : same ? error.message : "Cannot put message";
        failure = new DsmqError(code, reason, same ? details : { topic });
        failures.set(code, failure);
      }
      results.push(failure);
    }
  }
  return results;
}

/**
 * The error of a list of messages.
 *
 * @param failure the first error of a message; what this client measured is that of one message
 * @param index the index of that message
 * @param topic the topic
 * @param outcomes what became of each
 */
export function listError(
  failure: DsmqError,
  index: number,
  topic: string,
  outcomes: readonly PutOutcome[],
): DsmqError {
  const { code, message, bytes } = failure;
  const isMeasured = bytes !== undefined;
  const listed = isMeasured
    ? message.replace("Cannot put message: it", `Cannot put messages: messages[${index}]`)
    : message;
  const details = { ...failure, topic, outcomes, cause: failure, ...(isMeasured && { index }) };
  return new DsmqError(code, listed, details);
}
